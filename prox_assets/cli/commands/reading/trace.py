"""`prox trace`: everything that happened to a document, from its raw row to its refined text."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_jsonable_python

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.lookup import PLACES_AT_MOST, Hit, find_documents, places_of_id
from prox_assets.catalog.trace import sentences
from prox_assets.catalog.trace.page import trace_page
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.record import DocumentTrace
from prox_assets.cli.console import console, fail, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption, corpora_of
from prox_assets.cli.views.trace_view import show_hits, show_span, show_trace
from prox_assets.lake.lake import Lake


@plain_errors()
def trace(
    doc_id: Annotated[str | None, typer.Argument(metavar="DOC_ID", help="The document's id.")] = None,
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Annotated[str | None, typer.Option("--shard", help="The document's shard, where several hold it.")] = None,
    find: Annotated[
        str | None, typer.Option("--find", metavar="TEXT", help="Find the document by its URL or a line of its text.")
    ] = None,
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="With --find, upper and lower case count as equal.")
    ] = False,
    span: Annotated[
        str | None,
        typer.Option("--span", metavar="START:END", help="Where these characters of the refined text came from."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Leave nothing out of programs, edits and text.")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write one self-contained page to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Show everything that happened to a document: source, decision, programs, every edit, the diff, the refiners.

    Whatever is missing, stale or damaged is named with its remedy. If several documents match --find, they are listed.
    Exits with 1 if there is no such document.
    """
    if (doc_id is None) == (find is None):
        raise fail("name a document by its id, or find it with --find")
    wanted = _span(span)
    opened = Lake(lake)
    corpora = corpora_of(opened, corpus)
    if doc_id is not None:
        place = _place(opened, doc_id, corpora, shard)
    else:
        hits = _hits(opened, find or "", corpora, shard, ignore_case)
        if len(hits) > 1:
            _list(hits, as_json)
            if html is not None or wanted is not None:
                raise fail("several documents match; name one by its id")
            return
        place = hits[0].place
    life = read_trace(opened, place)
    _show(life, wanted, everything, html, as_json)


def _show(
    life: DocumentTrace, span: tuple[int, int] | None, everything: bool, html: Path | None, as_json: bool
) -> None:
    try:
        sources = sentences.span_sources(life, *span) if span is not None else None
    except ValueError as error:
        raise fail(f"document {life.place.doc_id}: {error}") from error
    if html is not None:
        try:
            html.write_text(trace_page(life), encoding="utf-8")
        except OSError as error:
            raise fail(f"cannot write {html}: {error}") from error
    if as_json:
        record = dataclasses.asdict(life)
        if sources is not None:
            record["span"] = [source._asdict() for source in sources]
        # JSON has no NaN; and with ASCII escapes, no control sequence reaches the terminal.
        print(json.dumps(to_jsonable_python(record, inf_nan_mode="null"), indent=1))
    elif sources is not None:
        show_span(console, sources)
    elif html is None:
        show_trace(console, life, everything=everything)
    if html is not None and not as_json:
        say(f"written to {html}")


def _span(span: str | None) -> tuple[int, int] | None:
    if span is None:
        return None
    match = re.fullmatch(r"(\d{1,18}):(\d{1,18})", span.strip(), flags=re.ASCII)
    if match is None:
        raise fail(f"--span {span!r} is not START:END, two character positions of the refined text, the end exclusive")
    return int(match[1]), int(match[2])


def _place(lake: Lake, doc_id: str, corpora: list[str], shard: str | None) -> DocumentPlace:
    places = places_of_id(lake, doc_id.strip(), corpora, shard)
    if not places:
        raise fail(
            f"there is no document {doc_id!r} in the lake {lake.url} ({_where(corpora, shard)}). Ids are {_ID_DIGITS} "
            "hexadecimal digits, as in the column doc_id; --find takes a URL or a piece of text. A row that could not "
            "be read has no id: the table `rejects` says why."
        )
    if len(places) > 1:
        raise fail(
            f"several shards hold document {doc_id}, because the corpus was cut into shards more than once; choose one "
            f"with --shard: {', '.join(f'{place.corpus}/{place.shard}' for place in places)}"
        )
    return places[0]


_ID_DIGITS = 32


def _hits(lake: Lake, text: str, corpora: list[str], shard: str | None, ignore_case: bool) -> list[Hit]:
    try:
        hits = find_documents(lake, text, corpora, shard, ignore_case=ignore_case)
    except ValueError as error:
        raise fail(str(error)) from error
    if not hits:
        raise fail(
            f"no id, URL, raw or refined text in the lake {lake.url} ({_where(corpora, shard)}) matches {text!r}. "
            + ("Spaces count" if ignore_case else "Case and spaces count; -i ignores case")
        )
    return hits


def _where(corpora: list[str], shard: str | None) -> str:
    return f"corpora {', '.join(corpora)}{f', shard {shard}' if shard else ''}"


def _list(hits: list[Hit], as_json: bool) -> None:
    if as_json:
        print(json.dumps([dataclasses.asdict(hit) for hit in hits], indent=1))
        return
    show_hits(console, hits)
    count = f"at least {len(hits)}" if len(hits) == PLACES_AT_MOST else str(len(hits))
    say(f"{count} documents match; `prox trace ID` shows one")
