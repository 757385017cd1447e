"""Compare the rule-based signals with datatrove: verdicts and speed.

    python -m benchmarks.rule_signals --pages FILE [--limit N]

Each side uses its own words and sentences. datatrove tokenizes like spaCy, so punctuation marks are words; prox_assets
takes runs of non-whitespace, as the papers do. For each family of rules, the table has the number of pages that pass
here, that pass there, and on which the two disagree. The printed ratio is of CPU times in one process.
"""

import sys
import time
from collections.abc import Callable

import polars as pl

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.pages import read_pages
from prox_assets.monitoring.signals import FAMILIES, document_signals, passes


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 1 if datatrove is not installed."""
    parser = command_parser("rule_signals", __doc__)
    parser.add_argument("--limit", type=positive, help="use only the first N pages")
    options = parser.parse_args(arguments)
    try:
        from datatrove.data import Document  # pyright: ignore[reportMissingImports]
        from datatrove.pipeline import filters  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        print(f"rule_signals: {error}; install the dev extra", file=sys.stderr)
        return 1
    texts = [page.text for page in read_pages(options.pages)][: options.limit]
    start = time.process_time()
    ours = document_signals(pl.LazyFrame({"text": texts})).collect(engine="streaming")
    seconds = time.process_time() - start
    oracles = {
        "gopher_quality": filters.GopherQualityFilter(),
        "gopher_repetition": filters.GopherRepetitionFilter(),
        "c4": filters.C4QualityFilter(),
        "fineweb": filters.FineWebQualityFilter(),
    }
    print(f"{len(texts):,} pages, {sum(map(len, texts)):,} characters")
    print("| family | pass here | pass datatrove | only here | only there |\n|---|---|---|---|---|")
    theirs_seconds = 0.0
    for family in FAMILIES:
        start = time.process_time()
        theirs = [_verdict(oracles[family.name].filter, Document(text, "page")) for text in texts]
        theirs_seconds += time.process_time() - start
        mine = ours[passes(family)].to_list()
        pairs = list(zip(mine, theirs, strict=True))
        only_here, only_there = pairs.count((True, False)), pairs.count((False, True))
        print(f"| {family.title} | {sum(mine):,} | {sum(theirs):,} | {only_here:,} | {only_there:,} |", flush=True)
    print(f"CPU time, all families: datatrove takes {theirs_seconds / seconds:.0f} times as much as prox_assets")
    print(f"prox_assets: {sum(map(len, texts)) / seconds / 1e6:.1f} million characters per second")
    return 0


def _verdict(filter_document: Callable[[object], object], document: object) -> bool:
    return filter_document(document) is True


if __name__ == "__main__":
    sys.exit(main())
