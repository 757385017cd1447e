"""Labelled pages that a test can learn from: sentences between menus, each with its label."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.training.data.pages import LabelledPage

SUBJECTS = (
    "The river",
    "A careful gardener",
    "Every old bridge",
    "The second experiment",
    "Our neighbour",
    "This method",
)
VERBS = ("carries", "explains", "repairs", "measures", "describes", "changes")
OBJECTS = (
    "cold water",
    "the long winter",
    "a wooden gate",
    "three small engines",
    "the first result",
    "an open letter",
)
ENDS = (
    "before the morning train arrives at the station.",
    "although nobody in the village had asked for it.",
    "because the older instruments were never exact enough.",
    "while the children watch from the other side.",
)
MENU = (
    "Home",
    "About us",
    "Contact",
    "Log in",
    "Sign up",
    "Privacy policy",
    "Terms of use",
    "Share",
    "Newsletter",
    "Cart",
)
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("page_id", "dataset", "licence", "url", "site", "page_type", "gold")),
        ("text_full", pa.string()),
        ("keep_full", pa.list_(pa.int8())),
        ("text_main", pa.string()),
        ("keep_main", pa.list_(pa.int8())),
    ]
)


def sentence(rng: random.Random) -> str:
    """Return a sentence of about a dozen words."""
    return " ".join(rng.choice(words) for words in (SUBJECTS, VERBS, OBJECTS, ENDS))


def page(number: int, seed: int = 0) -> dict[str, Any]:
    """Return a row: a page with a menu, some paragraphs, and a footer; every fifth is a listing without prose."""
    rng = random.Random(f"{seed}-{number}")
    listing = number % 5 == 4
    top = rng.sample(MENU, rng.randint(2, 6))
    bottom = [*rng.sample(MENU, rng.randint(2, 5)), f"© {rng.randint(2001, 2026)} Example {number}"]
    count = 0 if listing else rng.randint(8, 24)
    body = [" ".join(sentence(rng) for _ in range(rng.randint(1, 3))) for _ in range(count)]
    items = [f"Item {rng.randint(1, 999)}" for _ in range(rng.randint(4, 12))] if listing else []
    title = f"Notes on item {number}"
    lines = [*top, "", title, *body, *items, "", *bottom]
    labels = [0] * len(top) + [-1, 1] + [1] * len(body) + [0] * len(items) + [-1] + [0] * len(bottom)
    main = [title, *body, bottom[0]]
    return {
        "page_id": f"page-{number}",
        "dataset": "synthetic",
        "licence": "none",
        "url": f"https://site{number}.example/page",
        "site": f"site{number}.example",
        "page_type": "listing" if listing else "article",
        "gold": "\n".join([title, *body]),
        "text_full": "\n".join(lines),
        "keep_full": labels,
        "text_main": "\n".join(main),
        "keep_main": [1] * (len(main) - 1) + [0],
    }


def write_pages(path: Path, count: int, seed: int = 0) -> Path:
    """Write a file of pages; return its path."""
    write_rows(path, [page(number, seed) for number in range(count)])
    return path


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of labelled pages."""
    pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), path)


def labelled_page(**changes: Any) -> LabelledPage:
    """Return a page as read from a file, with some fields changed."""
    row = {**page(0), **changes}
    return LabelledPage(**{**row, "keep_full": tuple(row["keep_full"]), "keep_main": tuple(row["keep_main"])})
