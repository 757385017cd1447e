"""Families of synthetic bad documents: each makes a text from a random generator and a page to take words from."""

import random
from collections.abc import Callable
from itertools import pairwise

from prox_assets.training.data import bad_phrases as phrases
from prox_assets.training.data.line_targets import WORD
from prox_assets.training.data.pages import LabelledPage

CUT_WORDS = (3, 25)
KEYWORDS = (40, 400)
BOILERPLATE_LINES = (10, 120)
# Most lines of boilerplate on either side.
FRAME_LINES = 25
REAL_MENUS = 0.4


def error_page(rng: random.Random, page: LabelledPage) -> str:
    """Return a page that says that there is none."""
    code, title = rng.choice(phrases.ERRORS)
    site = rng.choice(phrases.SITE_WORDS).title()
    heads = [f"{code} {title}", f"Error {code}", title, f"{title} - {site}", f"{rng.choice(phrases.HEADS)} {title}"]
    details = [f"Request ID: {rng.getrandbits(48):x}", f"nginx/1.{rng.randint(10, 27)}.{rng.randint(0, 4)}", str(code)]
    lines = [rng.choice(heads), *rng.sample(phrases.ERROR_REMARKS, rng.randint(1, 3))]
    lines += rng.sample([*details, "Back to home page", "Go back", "Contact support", "Try again"], rng.randint(0, 3))
    return _between_menus(rng, lines, page)


def _wall(rng: random.Random, page: LabelledPage) -> str:
    lines = rng.sample(phrases.WALLS, rng.randint(1, 5))
    if rng.random() < 0.4:
        lines.insert(0, rng.choice(phrases.HEADS))
    if rng.random() < 0.3:  # the first words of what stands behind the wall
        lines.insert(0, " ".join((page.gold or page.text_full).split()[: rng.randint(5, 20)]) + "...")
    lines += rng.sample(phrases.WALL_BUTTONS, rng.randint(0, 3))
    return _between_menus(rng, lines, page)


def framed(rng: random.Random, lines: list[str], page: LabelledPage) -> str:
    """Put lines between the boilerplate that a page begins with and the one that it ends with."""
    own = [line for line, label in zip(page.text_full.split("\n"), page.keep_full, strict=True) if label == 0]
    above, below = (min(len(own), rng.randint(0, FRAME_LINES)) for _ in range(2))
    return "\n".join([*own[:above], *lines, *own[len(own) - below :]])


def _between_menus(rng: random.Random, lines: list[str], page: LabelledPage) -> str:
    """Put lines between menus: made up, or a real page's."""
    if rng.random() < REAL_MENUS:
        return framed(rng, lines, page)
    menu = rng.sample(phrases.MENU, rng.randint(0, 12))
    return "\n".join([*menu[: len(menu) // 2], *lines, *menu[len(menu) // 2 :]])


def _keyword_list(rng: random.Random, page: LabelledPage) -> str:
    words = WORD.findall(page.text_full)
    if not words:
        return ""
    separator = rng.choice([", ", " ", " | ", "\n", " / ", " - ", ", "])
    topic = rng.sample(words, min(len(words), 3))
    repeated = rng.choice([0.0, 0.3, 0.6])
    picked = [
        " ".join(topic[:2]) if rng.random() < repeated else _phrase(rng, words) for _ in range(_many(rng, KEYWORDS))
    ]
    return separator.join(picked)


def _many(rng: random.Random, bounds: tuple[int, int]) -> int:
    """Return a number within bounds, small ones as likely as large ones."""
    low, high = bounds
    return round(low * (high / low) ** rng.random())


def _phrase(rng: random.Random, words: list[str]) -> str:
    start = rng.randrange(len(words))
    return " ".join(words[start : start + rng.choice([1, 1, 2, 3])])


def _tag_cloud(rng: random.Random, page: LabelledPage) -> str:
    words = [word for word in WORD.findall(page.text_full) if len(word) > 3]
    if not words:
        return ""
    style = rng.choice(["{} ({})", "#{}", "{}", "{} x{}", "» {}"])
    tags = [style.format(_phrase(rng, words), rng.randint(1, 300)) for _ in range(rng.randint(20, 200))]
    return rng.choice(["\n", " ", "  "]).join(tags)


def _spam(rng: random.Random, page: LabelledPage) -> str:
    return _offers(rng, page, phrases.SPAM_SENTENCES, rng.choice([1, 1, 3]))


def _comment_spam(rng: random.Random, page: LabelledPage) -> str:
    return _offers(rng, page, phrases.COMMENT_SPAM, 3)


def _offers(rng: random.Random, page: LabelledPage, sentences: tuple[str, ...], topics: int) -> str:
    words = [word for word in WORD.findall(page.gold or page.text_full) if len(word) > 3] or ["offer"]
    things = [rng.choice(phrases.SPAM_THINGS) if rng.random() < 0.7 else _phrase(rng, words) for _ in range(topics)]
    places = rng.choice([words, list(phrases.PLACES)])
    found = []
    for _ in range(rng.randint(4, 60)):
        filled = rng.choice(sentences).format(thing=rng.choice(things), place=rng.choice(places), n=rng.randint(5, 95))
        tail = " ".join(rng.choices(words, k=rng.randint(0, 4))) if rng.random() < 0.4 else ""
        found.append(f"{filled} {tail}".strip())
    lines = rng.choice(["\n", " "]).join(found)
    return lines if rng.random() < 0.6 else _between_menus(rng, lines.split("\n"), page)


def _cut_text(rng: random.Random, page: LabelledPage) -> str:
    words = (page.gold or page.text_full).split()
    start = rng.randrange(max(1, len(words) - CUT_WORDS[1]))
    teaser = " ".join(words[start : start + rng.randint(*CUT_WORDS)])
    return _between_menus(rng, [f"{teaser}..."], page) if rng.random() < 0.4 else teaser


def _boilerplate(rng: random.Random, page: LabelledPage) -> str:
    """Return what surrounds a page's main content, without the content itself, as on a page that failed to load."""
    lines = [line for line, label in zip(page.text_full.split("\n"), page.keep_full, strict=True) if label == 0]
    count = rng.randint(*BOILERPLATE_LINES)
    start = rng.randrange(max(1, len(lines) - count + 1))
    return "\n".join(lines[start : start + count])


def _garbled(rng: random.Random, page: LabelledPage) -> str:
    text = (page.gold or page.text_full)[: rng.randint(200, 3000)]
    style = rng.choice(["bytes", "shuffled", "symbols", "base64"])
    if style == "bytes":
        return text.encode("utf-16-le").decode("latin-1").replace("\x00", rng.choice(["\ufffd", "Â", "Ã¢"]))
    if style == "shuffled":
        letters = list(text)
        rng.shuffle(letters)
        return "".join(letters)
    if style == "base64":
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        return "\n".join("".join(rng.choices(alphabet, k=76)) for _ in range(rng.randint(5, 40)))
    return "".join(rng.choice("�#$%^&*{}[]<>~`|\\=+_ ") if rng.random() < 0.5 else letter for letter in text)


def _placeholder(rng: random.Random, page: LabelledPage) -> str:
    paragraphs = [
        " ".join(rng.choices(phrases.LOREM, k=rng.randint(20, 90))).capitalize() + "." for _ in range(rng.randint(1, 6))
    ]
    return _between_menus(rng, paragraphs, page)


def _numbers(rng: random.Random, page: LabelledPage) -> str:
    """Return a table of nothing but numbers and codes."""
    del page
    width = rng.randint(1, 8)
    makers = [
        lambda: f"{rng.uniform(0, 900):.2f}",
        lambda: str(rng.randint(0, 99999)),
        lambda: f"{rng.getrandbits(32):08X}",
    ]
    rows = [
        rng.choice(["\t", " ", ", "]).join(rng.choice(makers)() for _ in range(width))
        for _ in range(rng.randint(20, 200))
    ]
    return rng.choice(["\n", " "]).join(rows)


def _parked(rng: random.Random, page: LabelledPage) -> str:
    site = rng.choice(phrases.SITE_WORDS)
    lines = [text.format(site=site) for text in rng.sample(phrases.PARKED, rng.randint(1, 3))]
    words = [word for word in WORD.findall(page.text_full) if len(word) > 3]
    if words:
        lines += [_phrase(rng, words).title() for _ in range(rng.randint(0, 12))]
    return "\n".join([f"{site}-{rng.choice(phrases.SITE_WORDS)}.example", *lines, "Privacy Policy"])


def _doorway(rng: random.Random, page: LabelledPage) -> str:
    """Return the same words for place after place, as a page that wants to be found everywhere."""
    del page
    thing = rng.choice(phrases.SPAM_THINGS)
    mark = rng.choice([". ", ", ", "\n", " | "])
    places = rng.choices(phrases.PLACES, k=rng.randint(15, 120))
    near = rng.choice(["{thing} {place}", "{thing} in {place}", "{place} {thing} near me", "cheap {thing} {place}"])
    return mark.join(near.format(thing=thing, place=place) for place in places)


def _word_salad(rng: random.Random, page: LabelledPage) -> str:
    """Return sentences in which each word follows the one before it somewhere in a page, and which mean nothing."""
    words = (page.gold or page.text_full).split()
    if len(words) < 20:
        return ""
    following: dict[str, list[str]] = {}
    for word, after in pairwise(words):
        following.setdefault(word.lower(), []).append(after)
    found = [rng.choice(words)]
    for _ in range(rng.randint(60, 400)):
        # Jumps keep it from copying whole sentences, in which most words occur once.
        leads = following.get(found[-1].lower(), []) if rng.random() < 0.5 else []
        found.append(rng.choice(leads or words))
    return " ".join(found)


def _crash(rng: random.Random, page: LabelledPage) -> str:
    words = [word.lower() for word in WORD.findall(page.text_full) if word.isalpha()] or ["main"]
    picked = rng.choices(phrases.LOG_LINES, k=rng.randint(1, 25))
    return "\n".join(line.format(word=rng.choice(words), n=rng.randint(1, 999)) for line in picked)


def _link_farm(rng: random.Random, page: LabelledPage) -> str:
    words = [word.lower() for word in WORD.findall(page.text_full) if word.isalpha()] or ["links"]
    names = [f"{rng.choice(words)}-{rng.choice(words)}" for _ in range(rng.randint(20, 150))]
    return "\n".join(
        rng.choice([f"http://www.{name}.example", f"{name} - {name}.example", f"Visit {name}"]) for name in names
    )


FAMILIES: dict[str, Callable[[random.Random, LabelledPage], str]] = {
    "error_page": error_page,
    "wall": _wall,
    "keyword_list": _keyword_list,
    "spam": _spam,
    "cut_text": _cut_text,
    "boilerplate": _boilerplate,
    "garbled": _garbled,
    "comment_spam": _comment_spam,
    "tag_cloud": _tag_cloud,
    "placeholder": _placeholder,
    "numbers": _numbers,
    "parked": _parked,
    "doorway": _doorway,
    "word_salad": _word_salad,
    "crash": _crash,
    "link_farm": _link_farm,
}
"""Makers by family."""

HELD_OUT = ("parked", "doorway", "word_salad", "comment_spam", "link_farm")
"""Families that no refiner is trained on."""
