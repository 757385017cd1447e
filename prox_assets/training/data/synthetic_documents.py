"""Synthetic documents that are plainly worthless, built from templates and pieces of pages.

They supply what the labelled pages lack: nobody labels the main content of an error page. The pieces come only from the
pages passed in, so no split uses text of another.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from prox_assets.training.data.line_targets import WORD
from prox_assets.training.data.pages import LabelledPage

CUT_WORDS = (8, 60)
KEYWORDS = (40, 400)
BOILERPLATE_LINES = (10, 120)


@dataclass(frozen=True, slots=True)
class SyntheticDocument:
    """A synthetic document to drop, and its kind."""

    kind: str
    text: str


def synthetic_documents(pages: Sequence[LabelledPage], count: int, seed: int) -> list[SyntheticDocument]:
    """Return synthetic documents with words and lines of these pages; equal arguments give equal documents."""
    rng = random.Random(seed)  # noqa: S311 (nothing secret)
    documents: list[SyntheticDocument] = []
    for kind, make in islice(cycle(_KINDS.items()), count if pages else 0):
        text = make(rng, rng.choice(pages))
        documents.append(SyntheticDocument(kind, text if text.strip() else _error_page(rng, pages[0])))
    return documents


def _error_page(rng: random.Random, page: LabelledPage) -> str:
    del page
    code, title = rng.choice(_ERRORS)
    site = rng.choice(_SITE_WORDS).title()
    lines = [
        rng.choice([f"{code} {title}", f"Error {code}", title, f"{title} - {site}", f"Oops! {title}"]),
        rng.choice(_ERROR_REMARKS),
        rng.choice(["", f"Request ID: {rng.getrandbits(48):x}", f"nginx/1.{rng.randint(10, 27)}.{rng.randint(0, 4)}"]),
        rng.choice(["Back to home page", "Go back", "Contact support", "Try again", ""]),
    ]
    menu = rng.sample(_MENU, rng.randint(0, len(_MENU)))
    return "\n".join(line for line in [*menu[: len(menu) // 2], *lines, *menu[len(menu) // 2 :]] if line)


def _keyword_list(rng: random.Random, page: LabelledPage) -> str:
    words = WORD.findall(page.text_full)
    if not words:
        return ""
    separator = rng.choice([", ", " ", " | ", "\n", " / "])
    topic = rng.sample(words, min(len(words), 3))
    picked = [rng.choice(words) if rng.random() < 0.7 else " ".join(topic[:2]) for _ in range(rng.randint(*KEYWORDS))]
    return separator.join(picked)


def _spam(rng: random.Random, page: LabelledPage) -> str:
    words = [word for word in WORD.findall(page.gold or page.text_full) if len(word) > 3] or ["offer"]
    things = [rng.choice(_SPAM_THINGS) for _ in range(3)]
    sentences = []
    for _ in range(rng.randint(6, 60)):
        sentence = rng.choice(_SPAM_SENTENCES)
        filled = sentence.format(thing=rng.choice(things), place=rng.choice(words), n=rng.randint(5, 95))
        sentences.append(f"{filled} {' '.join(rng.choices(words, k=rng.randint(0, 4)))}".strip())
    return rng.choice(["\n", " "]).join(sentences)


def _cut_text(rng: random.Random, page: LabelledPage) -> str:
    words = (page.gold or page.text_full).split(" ")
    start = rng.randrange(max(1, len(words) - CUT_WORDS[1]))
    return " ".join(words[start : start + rng.randint(*CUT_WORDS)])


def _boilerplate(rng: random.Random, page: LabelledPage) -> str:
    """Return what surrounds a page's main content, without the content itself, as on a page that failed to load."""
    lines = [line for line, label in zip(page.text_full.split("\n"), page.keep_full, strict=True) if label == 0]
    count = rng.randint(*BOILERPLATE_LINES)
    start = rng.randrange(max(1, len(lines) - count + 1))
    return "\n".join(lines[start : start + count])


def _garbled(rng: random.Random, page: LabelledPage) -> str:
    text = (page.gold or page.text_full)[: rng.randint(200, 3000)]
    style = rng.choice(["bytes", "shuffled", "symbols"])
    if style == "bytes":
        return text.encode("utf-16-le").decode("latin-1").replace("\x00", rng.choice(["\ufffd", "Â", "Ã¢"]))
    if style == "shuffled":
        letters = list(text)
        rng.shuffle(letters)
        return "".join(letters)
    return "".join(rng.choice("�#$%^&*{}[]<>~`|\\=+_ ") if rng.random() < 0.5 else letter for letter in text)


_KINDS: dict[str, Callable[[random.Random, LabelledPage], str]] = {
    "error_page": _error_page,
    "keyword_list": _keyword_list,
    "spam": _spam,
    "cut_text": _cut_text,
    "boilerplate": _boilerplate,
    "garbled": _garbled,
}

_ERRORS = [
    *((404, "Page not found"), (403, "Forbidden"), (500, "Internal Server Error"), (502, "Bad Gateway")),
    *((503, "Service temporarily unavailable"), (410, "This page is gone"), (429, "Too many requests")),
    (401, "Please sign in to continue"),
]
_ERROR_REMARKS = [
    "The page you are looking for may have been moved, renamed or deleted.",
    "You do not have permission to view this page.",
    "Please enable JavaScript and cookies to continue.",
    "Checking your browser before you are taken to the site.",
    "Something went wrong on our side. Please try again later.",
    "This account has been suspended. Contact your hosting provider.",
    "Database error: could not connect to the server.",
    "This domain is for sale. Make an offer today.",
    "The content is not available in your region.",
    "Your session has expired. Log in again to go on.",
    "Verify that you are a human by completing the action below.",
]
_SITE_WORDS = ["garden", "travel", "market", "music", "motor", "health", "pixel", "river", "studio", "north"]
_MENU = ["Home", "About", "Contact", "Blog", "Shop", "Login", "Privacy policy", "Terms of use", "Sitemap", "Search"]
_SPAM_THINGS = [
    *("cheap watches", "online casino", "payday loans", "designer handbags", "weight loss pills", "replica shoes"),
    *("crypto signals", "escort service", "essay writing service", "followers and likes", "free spins bonus"),
    "live streaming links",
]
_SPAM_SENTENCES = [
    "Buy {thing} in {place} with {n}% discount and free shipping.",
    "Best {thing} {place} {n}, order now!!!",
    "Looking for {thing}? Click here for {thing} near {place}.",
    "{thing} without prescription, lowest price {n} USD.",
    "Win {n}000 today with {thing}, no deposit needed.",
    "Visit our site for {thing}, {thing} reviews and {place} {thing}.",
    "Nice post! I also wrote about {thing} at my blog, check it out.",
    "Download {place} {thing} full version crack free {n}.",
    "{place} {thing} {place} cheap {thing} sale online {n}.",
    "Limited offer: {thing} only today, call now and save {n}%.",
]
