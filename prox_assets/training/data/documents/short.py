"""Short sound documents of 10 to 50 words: paragraphs, questions and answers, notices, verse, captions, notes, code.

Most of their sentences are those of a page's main content. Without them a refiner takes any short text for a teaser or
an error page, since bad documents are often short and labelled pages hardly ever.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence

from prox_assets.training.data.phrases import sound as phrases
from prox_assets.training.data.targets.lines import WORD

SHORT_WORDS = (10, 50)
# What the names of their kinds begin with.
SHORT = "short"
PLAIN_PER_PAGE = 2
OTHERS_PER_PAGE = 2
# Shortest sentence, and fewest letters among its characters: shorter ones are labels and prices.
SENTENCE_WORDS = (4, 45)
LETTERS = 0.7
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WHOLE = re.compile(r"[\"'“„«(¿¡]?[A-ZÀ-ÖØ-Þ0-9].*[^.…][.!?][\"'”“»)]?", re.DOTALL)
_NOT_PROSE = re.compile(r"https?:|www\.|[|©»›→{}]|\.\.\.|…|cookie|click|subscri|log in|sign up", re.IGNORECASE)


def short_documents(rng: random.Random, text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of short documents made of a text's whole sentences."""
    runs = [run for line in text.split("\n") for run in _runs(rng, line)]
    for number, run in enumerate(rng.sample(runs, min(PLAIN_PER_PAGE, len(runs)))):
        yield f"{SHORT}{number}", " ".join(run)
    if not runs:
        return
    for number, kind in enumerate(rng.sample(list(_KINDS), OTHERS_PER_PAGE)):
        made = _KINDS[kind](rng, rng.choice(runs)).strip()
        low, high = SHORT_WORDS
        if low <= len(made.split()) <= 1.5 * high:
            yield f"{SHORT}-{kind}{number}", made


def _runs(rng: random.Random, line: str) -> Iterator[list[str]]:
    """Yield runs of whole neighbouring sentences with 10 to 50 words together."""
    run: list[str] = []
    low, high = SHORT_WORDS
    wanted = rng.randint(low, high)
    for sentence in _SENTENCE_END.split(line.strip()):
        if not _is_prose(sentence):
            run = []
            continue
        run.append(sentence)
        words = sum(len(one.split()) for one in run)
        if words > high:
            run = []
        elif words >= wanted:
            yield run
            run, wanted = [], rng.randint(low, high)
    if low <= sum(len(one.split()) for one in run) <= high:
        yield run


def _is_prose(sentence: str) -> bool:
    least, most = SENTENCE_WORDS
    letters = sum(character.isalpha() or character == " " for character in sentence)
    return (
        least <= len(sentence.split()) <= most
        and _WHOLE.fullmatch(sentence) is not None
        and _NOT_PROSE.search(sentence) is None
        and letters >= LETTERS * len(sentence)
    )


def _slots(rng: random.Random, run: Sequence[str]) -> dict[str, object]:
    words = [word for sentence in run for word in WORD.findall(sentence) if len(word) > 4 and word.isalpha()]
    name, other = rng.sample(phrases.NAMES, 2)
    return {
        "said": " ".join(run),
        "word": rng.choice(words or ["water"]),
        "other_word": rng.choice(words or ["stone"]).lower(),
        "name": name,
        "other": other,
        "place": rng.choice(phrases.PLACES),
        "day": rng.choice(phrases.DAYS),
        "month": rng.choice(phrases.MONTHS),
        "year": rng.randint(1400, 2024),
        "n": rng.randint(1, 12),
        "m": rng.randint(13, 60),
    }


def _of(*templates: str) -> Callable[[random.Random, Sequence[str]], str]:
    return lambda rng, run: rng.choice(templates).format(**_slots(rng, run))


def _question(rng: random.Random, run: Sequence[str]) -> str:
    asked = [sentence for sentence in run if sentence.endswith("?")]
    question = asked[0] if asked else rng.choice(phrases.QUESTIONS).format(**_slots(rng, run))
    answer = " ".join(sentence for sentence in run if sentence not in asked)
    mark = rng.choice([("", "", "\n"), ("", "", " "), ("Q: ", "A: ", "\n"), ("Q. ", "A. ", " "), ("", "", "\n\n")])
    return f"{mark[0]}{question}{mark[2]}{mark[1]}{answer}"


def _titled(rng: random.Random, run: Sequence[str]) -> str:
    title = " ".join(run[0].split()[: rng.randint(2, 5)]).strip(",;:.!?")
    body = " ".join(run[1:] or run)
    return f"{title}{rng.choice([chr(10), chr(10) * 2])}{body}"


def _verse(rng: random.Random, run: Sequence[str]) -> str:
    words = " ".join(run).split()[: rng.randint(12, 45)]
    length = rng.randint(3, 8)
    lines = [" ".join(words[start : start + length]) for start in range(0, len(words), length)]
    if rng.random() < 0.5:
        lines = [line[:1].upper() + line[1:] for line in lines]
    if len(lines) > 4 and rng.random() < 0.4:
        lines.insert(len(lines) // 2, "")
    end = rng.choice([".", ".", "", "?", ","])
    return "\n".join(lines).rstrip(".,;:!?") + end


def _steps(rng: random.Random, run: Sequence[str]) -> str:
    """Return steps of a recipe, or a list of things to do; one a line or in one."""
    foods = rng.sample(phrases.FOODS, 4)
    slots = {"a": foods[0], "b": foods[1], "n": rng.randint(2, 60), "t": rng.randint(15, 24) * 10}
    steps = [step.format(**slots) for step in rng.sample(phrases.STEPS, rng.randint(1, 4))]
    if rng.random() < 0.3:
        steps.append(run[0])
    needed = [f"{rng.choice([1, 2, 50, 200])} {rng.choice(phrases.UNITS)} {food}" for food in foods]
    lead = rng.choice([[], [], [", ".join(needed)], needed, [f"{foods[0]} with {foods[1]}".capitalize()]])
    style = rng.choice(["plain", "plain", "numbered", "dashed"])
    if style == "plain":
        return "\n".join([*lead, " ".join(steps)])
    marks = (f"{number}. " if style == "numbered" else "- " for number in range(1, 9))
    return "\n".join([*lead, *(f"{mark}{step}" for mark, step in zip(marks, steps, strict=False))])


def _list(rng: random.Random, run: Sequence[str]) -> str:
    """Return the clauses of sentences as a list under a heading."""
    clauses = [clause.strip(" .!?") for clause in re.split(r"[,;:.] ", " ".join(run)) if len(clause.split()) > 1]
    mark = rng.choice(["- ", "* ", "• ", "{}. ", "{}) "])
    head = rng.choice(
        ["Remember:", "What to do", "Three things:", "To do", "Points", " ".join(run[0].split()[:4]) + ":"]
    )
    return "\n".join([head, *(f"{mark.format(number)}{clause}" for number, clause in enumerate(clauses, 1))])


def _dialogue(rng: random.Random, run: Sequence[str]) -> str:
    names = rng.sample(phrases.NAMES, 2)
    style = rng.choice(["{name}: {said}", "“{said}” said {name}.", "– {said}", "{name}. {said}"])
    said = [*run, rng.choice(phrases.QUESTIONS).format(**_slots(rng, run))]
    return "\n".join(style.format(name=names[number % 2], said=one) for number, one in enumerate(said))


def _commit(rng: random.Random, run: Sequence[str]) -> str:
    head = rng.choice(phrases.COMMITS).format(**_slots(rng, run))
    return f"{head}{rng.choice([chr(10) * 2, '. ', chr(10)])}{' '.join(run)}"


def _code(rng: random.Random, run: Sequence[str]) -> str:
    names = [word.lower() for sentence in run for word in WORD.findall(sentence) if word.isascii() and word.isalpha()]
    chosen = {slot: rng.choice([name for name in names if len(name) > 2] or ["value"]) for slot in ("a", "b", "c", "d")}
    code = rng.choice([*phrases.CODE, *phrases.SHORT_CODE]).format(
        **chosen, A=chosen["a"].title(), n=rng.randint(0, 99)
    )
    told = rng.choice([f"# {run[0]}", f"// {run[0]}", run[0], f"{run[0][:-1]}:", ""])
    return f"{told}\n{code}"


_KINDS: dict[str, Callable[[random.Random, Sequence[str]], str]] = {
    "question": _question,
    "titled": _titled,
    "verse": _verse,
    "steps": _steps,
    "list": _list,
    "dialogue": _dialogue,
    "commit": _commit,
    "code": _code,
    "caption": _of(*phrases.CAPTIONS),
    "quote": _of(*phrases.QUOTES),
    "letter": _of(*phrases.LETTERS),
    "definition": _of(*phrases.DEFINITIONS),
    "notice": _of(*phrases.NOTICES),
    "fact": _of(*phrases.FACTS),
}
