"""Families of synthetic bad documents: each makes a text from a random generator and a page to take words from."""

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.data.phrases import pages as site
from prox_assets.training.data.phrases import spam, walls
from prox_assets.training.data.targets.lines import WORD

TEASER_WORDS = (3, 25)
TEASERS = (1, 6)
KEYWORDS = (6, 400)
TAGS = (5, 200)
BOILERPLATE_LINES = (3, 120)
OFFERS = (1, 60)
COMMENTS = (4, 60)
# Most lines of boilerplate on either side.
FRAME_LINES = 25
REAL_MENUS = 0.4
# Of error pages and walls: crawlers' extractors have often taken the menus away already.
ALONE = 0.4
ENGLISH = 0.6
PARTS = 5


class PhraseRandom(random.Random):
    """A random generator for documents that use only a part of the phrases.

    Documents of different parts share no phrase, so that judging those of one by the others tells how new ones will be
    judged.

    Args:
        seed: The generator's seed.
        part: The part below `PARTS`; None for all phrases.
    """

    def __init__(self, seed: int | str, part: int | None = None) -> None:
        super().__init__(seed)
        self.part = part


def _own(rng: random.Random, listed: Sequence[str]) -> Sequence[str]:
    """Return the phrases of the document's part; all of them if there are too few to part."""
    part = getattr(rng, "part", None)
    return listed if part is None or len(listed) < PARTS else listed[part::PARTS]


def error_page(rng: random.Random, page: LabelledPage) -> str:
    """Return a page that says that there is none."""
    heads, remarks, links = (_own(rng, phrases) for phrases in walls.ERRORS[_language(rng, walls.ERRORS)])
    title = rng.choice(heads)
    name = rng.choice(site.SITE_WORDS).title()
    lines = [rng.choice([title, title, f"{title} - {name}", f"{name} | {title}", title.upper(), ""])]
    lines += rng.sample(remarks, rng.randint(0 if lines[0] else 1, min(3, len(remarks))))
    details = [f"Request ID: {rng.getrandbits(48):x}", f"nginx/1.{rng.randint(10, 27)}.{rng.randint(0, 4)}"]
    lines += rng.sample([*details, str(rng.randint(400, 504)), *links], rng.randint(0, 3))
    return _page_of(rng, [_filled(rng, line, page) for line in lines if line], page)


def _wall(rng: random.Random, page: LabelledPage) -> str:
    texts, buttons = (_own(rng, phrases) for phrases in walls.WALLS[_language(rng, walls.WALLS)])
    lines = rng.sample(texts, rng.randint(1, min(5, len(texts))))
    if rng.random() < 0.4:
        lines.insert(0, rng.choice(_own(rng, walls.HEADS)))
    if rng.random() < 0.3:  # the first words of what stands behind the wall
        lines.insert(0, " ".join((page.gold or page.text_full).split()[: rng.randint(5, 20)]) + "...")
    lines += rng.sample(buttons, rng.randint(0, min(3, len(buttons))))
    return _page_of(rng, [_filled(rng, line, page) for line in lines], page)


def _language(rng: random.Random, languages: Mapping[str, object]) -> str:
    return "en" if rng.random() < ENGLISH else rng.choice(list(languages))


def _page_of(rng: random.Random, lines: list[str], page: LabelledPage) -> str:
    """Return lines between menus, or alone: one a line or all in one."""
    if rng.random() >= ALONE:
        return _between_menus(rng, lines, page)
    return rng.choice(["\n", "\n", " ", "\n\n"]).join(lines)


def _filled(rng: random.Random, phrase: str, page: LabelledPage) -> str:
    """Fill in a word of the page and numbers."""
    if "{" not in phrase:
        return phrase
    names = [word.lower() for word in WORD.findall(page.text_full[:5000]) if len(word) > 3 and word.isalpha()]
    return phrase.format(
        word=rng.choice(names or ["item"]),
        site=rng.choice(site.SITE_WORDS).title(),
        n=rng.randint(1, 30),
        day=rng.randint(1, 31),
        month=rng.choice(site.MONTHS),
    )


def framed(rng: random.Random, lines: list[str], page: LabelledPage) -> str:
    """Put lines between the boilerplate that a page begins with and the one that it ends with."""
    own = [line for line, label in zip(page.text_full.split("\n"), page.keep_full, strict=True) if label == 0]
    above, below = (min(len(own), rng.randint(0, FRAME_LINES)) for _ in range(2))
    return "\n".join([*own[:above], *lines, *own[len(own) - below :]])


def furniture(rng: random.Random, page: LabelledPage) -> list[str]:
    """Return some lines as they stand around the content of any page: a cookie notice, links, a form."""
    texts, buttons = walls.WALLS[_language(rng, walls.WALLS)]
    lines = rng.choice(
        [
            [*rng.sample(texts, rng.randint(1, 2)), *rng.sample(buttons, rng.randint(0, 3))],
            rng.sample(rng.choice(site.MENUS), rng.randint(2, 8)),
            rng.sample(rng.choice(site.STUBS), rng.randint(1, 4)),
        ]
    )
    filled = [_filled(rng, line, page) for line in lines]
    return filled if rng.random() < 0.7 else [rng.choice(["   ", " | ", "  "]).join(filled)]


def _between_menus(rng: random.Random, lines: list[str], page: LabelledPage) -> str:
    """Put lines between menus: made up, or a real page's."""
    if rng.random() < REAL_MENUS:
        return framed(rng, lines, page)
    menu = rng.sample(site.MENU, rng.randint(0, 12))
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
    tags = [style.format(_phrase(rng, words), rng.randint(1, 300)) for _ in range(_many(rng, TAGS))]
    return rng.choice(["\n", " ", "  "]).join(tags)


def _spam(rng: random.Random, page: LabelledPage) -> str:
    return _offers(rng, page, spam.SPAM_SENTENCES, rng.choice([1, 1, 3]), _many(rng, OFFERS))


def _comment_spam(rng: random.Random, page: LabelledPage) -> str:
    return _offers(rng, page, spam.COMMENT_SPAM, 3, rng.randint(*COMMENTS))


def _offers(rng: random.Random, page: LabelledPage, sentences: tuple[str, ...], topics: int, count: int) -> str:
    words = [word for word in WORD.findall(page.gold or page.text_full) if len(word) > 3] or ["offer"]
    things = [rng.choice(spam.SPAM_THINGS) if rng.random() < 0.7 else _phrase(rng, words) for _ in range(topics)]
    places = rng.choice([words, list(spam.PLACES)])
    found = []
    for _ in range(count):
        filled = rng.choice(_own(rng, sentences)).format(
            thing=rng.choice(things), place=rng.choice(places), n=rng.randint(5, 95)
        )
        tail = " ".join(rng.choices(words, k=rng.randint(0, 4))) if rng.random() < 0.4 else ""
        found.append(f"{filled} {tail}".strip())
    lines = rng.choice(["\n", " "]).join(found)
    return lines if rng.random() < 0.6 else _between_menus(rng, lines.split("\n"), page)


def _cut_text(rng: random.Random, page: LabelledPage) -> str:
    """Return the beginnings of texts that go on elsewhere, as on a page of news."""
    words = (page.gold or page.text_full).split()
    teasers: list[str] = []
    for _ in range(rng.choice([1, 1, 1, rng.randint(*TEASERS)])):
        start = rng.randrange(max(1, len(words) - TEASER_WORDS[1]))
        cut = " ".join(words[start : start + rng.randint(*TEASER_WORDS)]).rstrip('.!?。…"”)')
        if rng.random() < 0.35:
            teasers.append(" ".join(words[start : start + rng.randint(2, 7)]).title())
        if rng.random() < 0.25:
            teasers.append(_filled(rng, rng.choice(_own(rng, site.TEASER_HEADS)), page))
        # Without a mark at the end, a lower-case beginning still shows that it is a piece of something.
        end = "" if rng.random() < 0.15 else _filled(rng, rng.choice(_own(rng, site.TEASER_ENDS)), page)
        teasers.append(f"{cut}{end}" if end else f"{cut[:1].lower()}{cut[1:]}")
    if rng.random() < 0.3:
        return _between_menus(rng, teasers, page)
    return rng.choice(["\n", "\n\n", " "]).join(teasers)


def _menu(rng: random.Random, page: LabelledPage) -> str:
    """Return nothing but links."""
    own = [line.strip() for line, label in zip(page.text_full.split("\n"), page.keep_full, strict=True) if label == 0]
    short = sorted({line for line in own if 0 < len(line.split()) <= 4})
    items = list(_own(rng, rng.choice(site.MENUS))) if len(short) < 5 or rng.random() < 0.6 else short
    picked = rng.sample(items, min(len(items), _many(rng, (3, 40))))
    mark = rng.choice(["\n", "\n", "\n", " | ", "  ", " ", " · ", " > ", " / ", "   "])
    return mark.join(_filled(rng, item, page) if items is not short else item for item in picked)


def _stub(rng: random.Random, page: LabelledPage) -> str:
    """Return a page of a site's machinery: forms, profiles, baskets, results, calendars."""
    if rng.random() < 0.1:
        return _page_of(rng, _calendar(rng), page)
    lines: list[str] = []
    for group in rng.sample(site.STUBS, rng.choice([1, 1, 1, 2])):
        own = _own(rng, group)
        lines += rng.sample(own, rng.randint(2, min(8, len(own))))
    return _page_of(rng, [_filled(rng, line, page) for line in lines], page)


def _calendar(rng: random.Random) -> list[str]:
    first, mark = rng.randint(0, 6), rng.choice([" ", "\t", "  "])
    days = ["", *map(str, range(1, rng.randint(28, 31) + 1))]
    weeks = [
        [days[day] for day in range(max(1, start), min(start + 7, len(days)))] for start in range(1 - first, 31, 7)
    ]
    head = f"{rng.choice(site.MONTHS)} {rng.randint(1998, 2031)}"
    return [head, mark.join(rng.choice(site.WEEKDAYS)), *(mark.join(week) for week in weeks if week), "« Prev  Next »"]


def _sales(rng: random.Random, page: LabelledPage) -> str:
    """Return an advertisement that pretends to be an article or a service."""
    lines = _offers(rng, page, spam.SALES, rng.choice([1, 1, 2]), _many(rng, OFFERS)).split("\n")
    return _page_of(rng, lines, page)


def _boilerplate(rng: random.Random, page: LabelledPage) -> str:
    """Return what surrounds a page's main content, without the content itself, as on a page that failed to load."""
    lines = [line for line, label in zip(page.text_full.split("\n"), page.keep_full, strict=True) if label == 0]
    count = _many(rng, BOILERPLATE_LINES)
    start = rng.randrange(max(1, len(lines) - count + 1))
    return "\n".join(lines[start : start + count])


def _garbled(rng: random.Random, page: LabelledPage) -> str:
    text = (page.gold or page.text_full)[: _many(rng, (60, 3000))]
    style = rng.choice(["bytes", "shuffled", "symbols", "base64"])
    if style == "bytes":
        return text.encode("utf-16-le").decode("latin-1").replace("\x00", rng.choice(["\ufffd", "Â", "Ã¢"]))
    if style == "shuffled":
        letters = list(text)
        rng.shuffle(letters)
        return "".join(letters)
    if style == "base64":
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        return "\n".join("".join(rng.choices(alphabet, k=76)) for _ in range(_many(rng, (1, 40))))
    return "".join(rng.choice("�#$%^&*{}[]<>~`|\\=+_ ") if rng.random() < 0.5 else letter for letter in text)


def _placeholder(rng: random.Random, page: LabelledPage) -> str:
    paragraphs = [
        " ".join(rng.choices(site.LOREM, k=rng.randint(8, 90))).capitalize() + "." for _ in range(rng.randint(1, 6))
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
        for _ in range(_many(rng, (3, 200)))
    ]
    return rng.choice(["\n", " "]).join(rows)


def _parked(rng: random.Random, page: LabelledPage) -> str:
    name = rng.choice(site.SITE_WORDS)
    lines = [text.format(site=name) for text in rng.sample(site.PARKED, rng.randint(1, 3))]
    words = [word for word in WORD.findall(page.text_full) if len(word) > 3]
    if words:
        lines += [_phrase(rng, words).title() for _ in range(rng.randint(0, 12))]
    return "\n".join([f"{name}-{rng.choice(site.SITE_WORDS)}.example", *lines, "Privacy Policy"])


def _doorway(rng: random.Random, page: LabelledPage) -> str:
    """Return the same words for place after place, as a page that wants to be found everywhere."""
    del page
    thing = rng.choice(spam.SPAM_THINGS)
    mark = rng.choice([". ", ", ", "\n", " | "])
    places = rng.choices(spam.PLACES, k=rng.randint(15, 120))
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
    picked = rng.choices(_own(rng, site.LOG_LINES), k=rng.randint(1, 25))
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
    "menu": _menu,
    "stub": _stub,
    "sales": _sales,
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
