"""Sound documents of kinds and lengths that labelled pages lack: paragraphs, verse, lists, recipes and code.

Their words are those of the main content of pages, so each belongs to its page's split. A refiner that has only seen
whole pages takes a good paragraph for a broken page. Half of the documents stand between their page's menus, as on the
short pages of a large site.
"""

import random
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

from prox_assets.training.data.documents.bad import framed, furniture
from prox_assets.training.data.documents.short import short_documents
from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.data.phrases import sound as phrases
from prox_assets.training.data.targets.lines import WORD

# What the names of paragraphs begin with.
PARAGRAPH = "paragraph"
PARAGRAPH_WORDS = (50, 200)
PARAGRAPHS_PER_PAGE = 3
FRAMED = 0.5
# Of these, how many also stand under a made-up cookie notice, menu or form.
FURNISHED = 0.4
# Of short documents: with more around them they would be pages without content.
SHORT_FRAMED = 0.2
# Fewest words of a text whose every kind of rewriting still says something.
ENOUGH_WORDS = 120
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])")


def main_text(page: LabelledPage) -> str:
    """Return the main content: what people marked, or else the lines that programs labelled so."""
    if page.gold.strip():
        return page.gold
    lines = zip(page.text_full.split("\n"), page.keep_full, strict=True)
    return "\n".join(line for line, label in lines if label == 1)


def paragraphs(text: str) -> list[str]:
    """Return runs of whole lines with 50 to 200 words, a longer line cut at its sentences; the rest is left out.

    In scripts without spaces two characters count as a word.
    """
    low, high = PARAGRAPH_WORDS
    found: list[str] = []
    run: list[str] = []
    count = 0
    for line in text.split("\n"):
        pieces = [line] if word_count(line) <= high else _SENTENCE_END.split(line)
        for piece in pieces:
            words = word_count(piece)
            if count + words > high:
                run, count = [], 0
            if words and words <= high:
                run.append(piece)
                count += words
            if count >= low:
                found.append(("\n" if len(pieces) == 1 else " ").join(run))
                run, count = [], 0
    return found


def word_count(text: str) -> int:
    """Return the number of words; a long run of letters without spaces counts as several."""
    return sum(max(1, len(word) // 2 if not word.isascii() and len(word) > 12 else 1) for word in WORD.findall(text))


def sound_documents(page: LabelledPage, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of documents with words of a page's main content; equal arguments give equal documents."""
    rng = random.Random(f"{seed} {page.dataset} {page.page_id}")  # noqa: S311 (nothing secret)
    text = main_text(page)
    if page.is_silver and word_count(text) >= ENOUGH_WORDS:
        yield "main", text
    found = paragraphs(text)
    for number, paragraph in enumerate(rng.sample(found, min(PARAGRAPHS_PER_PAGE, len(found)))):
        yield f"{PARAGRAPH}{number}", _perhaps_framed(rng, paragraph, page)
    sentences = [sentence for line in text.split("\n") for sentence in _SENTENCE_END.split(line) if sentence.strip()]
    if word_count(text) >= ENOUGH_WORDS and len(sentences) > 4:
        kind = rng.choice(tuple(_KINDS))
        yield kind, _perhaps_framed(rng, _KINDS[kind](rng, sentences), page)
    for kind, short in short_documents(rng, text):
        yield kind, _perhaps_framed(rng, short, page, SHORT_FRAMED)


def _perhaps_framed(rng: random.Random, text: str, page: LabelledPage, share: float = FRAMED) -> str:
    if rng.random() >= share:
        return text
    lines = text.split("\n")
    if rng.random() < FURNISHED:
        lines = [line for part in (furniture(rng, page), furniture(rng, page), lines) for line in part]
    if rng.random() < FURNISHED:
        lines += furniture(rng, page)
    return framed(rng, lines, page)


def _run(rng: random.Random, sentences: Sequence[str], most: int) -> list[str]:
    size = rng.randint(4, most)
    start = rng.randrange(max(1, len(sentences) - size))
    return [sentence.strip() for sentence in sentences[start : start + size]]


def _verse(rng: random.Random, sentences: Sequence[str]) -> str:
    words = " ".join(_run(rng, sentences, 12)).split()[: rng.randint(40, 200)]
    length, stanza = rng.randint(4, 9), rng.choice([0, 3, 4, 5])
    lines = [" ".join(words[start : start + length]) for start in range(0, len(words), length)]
    if rng.random() < 0.5:
        lines = [line[:1].upper() + line[1:] for line in lines]
    for place in range(stanza, len(lines), stanza + 1) if stanza else ():
        lines.insert(place, "")
    return "\n".join(lines)


def _wrapped(rng: random.Random, sentences: Sequence[str]) -> str:
    """Return text with hard line breaks, as in mail and old books."""
    width = rng.randint(50, 78)
    return "\n\n".join(textwrap.fill(" ".join(_run(rng, sentences, 8)), width) for _ in range(rng.randint(1, 4)))


def _list(rng: random.Random, sentences: Sequence[str]) -> str:
    mark = rng.choice(["- ", "* ", "• ", "{}. ", ""])
    cut = rng.choice([8, 16, 60])
    items = [" ".join(sentence.split()[:cut]) for sentence in _run(rng, sentences, 16)]
    lead = [rng.choice(sentences).strip()] if rng.random() < 0.7 else []
    return "\n".join([*lead, *(f"{mark.format(number)}{item}" for number, item in enumerate(items, 1))])


def _dialogue(rng: random.Random, sentences: Sequence[str]) -> str:
    names = rng.sample(["ANNA", "Host", "Q", "A", "Mr Lund", "Speaker 1", "Interviewer", "Tomás", "Mei"], 2)
    return "\n".join(f"{names[number % 2]}: {said}" for number, said in enumerate(_run(rng, sentences, 20)))


def _recipe(rng: random.Random, sentences: Sequence[str]) -> str:
    foods = rng.sample(phrases.FOODS, rng.randint(5, 11))
    needed = [f"{rng.choice([1, 2, 3, 50, 120, 200, 400])} {rng.choice(phrases.UNITS)} {food}" for food in foods]
    steps = [
        step.format(a=rng.choice(foods), b=rng.choice(foods), n=rng.randint(2, 60), t=rng.randint(15, 24) * 10)
        for step in rng.sample(phrases.STEPS, rng.randint(3, len(phrases.STEPS)))
    ]
    lead = [sentence.strip() for sentence in rng.sample(list(sentences), rng.randint(0, 3))]
    title = f"{rng.choice(foods)} with {rng.choice(foods)}".capitalize()
    numbered = rng.random() < 0.5
    method = [f"{number}. {step}" if numbered else step for number, step in enumerate(steps, 1)]
    return "\n".join([title, *lead, f"Serves {rng.randint(2, 8)}", "Ingredients", *needed, "Method", *method])


def _code(rng: random.Random, sentences: Sequence[str]) -> str:
    words = [
        word.lower() for sentence in sentences for word in WORD.findall(sentence) if word.isascii() and word.isalpha()
    ]
    names = [word for word in words if len(word) > 2] or ["value", "count", "name", "item"]
    blocks: list[str] = []
    for _ in range(rng.randint(2, 7)):
        chosen = {name: rng.choice(names) for name in ("a", "b", "c", "d")}
        code = rng.choice(phrases.CODE).format(**chosen, A=chosen["a"].title(), n=rng.randint(0, 99))
        told = rng.choice(sentences).strip()
        blocks += [rng.choice([told, f"# {told}", f"// {told}", ""]), code]
    return "\n".join(block for block in blocks if block)


_KINDS: dict[str, Callable[[random.Random, Sequence[str]], str]] = {
    "verse": _verse,
    "wrapped": _wrapped,
    "list": _list,
    "dialogue": _dialogue,
    "recipe": _recipe,
    "code": _code,
}
