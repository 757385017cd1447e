"""Draws a document's trace on the terminal.

`prox trace` is in trace.py; catalog/trace/sentences.py has the sentences. All output is Text, never markup, and passes
through `printable`: raw text contains brackets and escape sequences.
"""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from prox_assets.catalog.lookup import Hit
from prox_assets.catalog.printable import printable
from prox_assets.catalog.text_diff import DiffLine, Mark
from prox_assets.catalog.trace import sentences
from prox_assets.catalog.trace.record import ChunkTrace, DocumentTrace, EditTrace
from prox_assets.lake.chain import State
from prox_assets.monitoring.metrics.previews import CHARACTERS_PER_LINE
from prox_assets.programs import SegmentKind

LINES_SHOWN = 24
"""How many lines of a program, a list of edits or a raw text are shown without --all."""

_STATE_STYLES = {State.DONE: "green", State.STALE: "yellow", State.MISSING: "cyan"}
_LINE_STYLES = {Mark.KEPT: "", Mark.REMOVED: "red", Mark.ADDED: "green", Mark.EDITED: ""}
_PREFIXES = {Mark.KEPT: " ", Mark.REMOVED: "-", Mark.ADDED: "+", Mark.EDITED: "~"}


def show_trace(console: Console, trace: DocumentTrace, *, everything: bool) -> None:
    """Print a document's trace.

    Args:
        console: Where to print.
        trace: The document's trace.
        everything: Show programs, edits and text in full.
    """
    for piece in _pieces(trace, everything):
        console.print(piece, soft_wrap=isinstance(piece, Text))


def show_hits(console: Console, hits: Sequence[Hit]) -> None:
    """Print the found documents, one per line, with the id first so it is easy to copy."""
    for hit in hits:
        place = f"{hit.place.corpus}/{hit.place.shard} row {hit.place.source_row:,}"
        console.print(
            Text.assemble(
                (hit.place.doc_id, "bold"), f"  {printable(place)}  found by {hit.found_by}  {printable(hit.url or '')}"
            ),
            soft_wrap=True,
        )


def show_span(console: Console, sources: Sequence[sentences.SpanSource]) -> None:
    """Print where a span came from."""
    for source in sources:
        console.print(Text.assemble((source.place, "bold"), f" {source.kind}"), soft_wrap=True)
        if source.kind is SegmentKind.REPLACED:
            console.print(Text(f"-{_visible(source.raw)}", style="red"), soft_wrap=True)
            console.print(Text(f"+{_visible(source.refined)}", style="green"), soft_wrap=True)
        elif source.kind is SegmentKind.INSERTED:
            console.print(Text(f"+{_visible(source.refined)}", style="green"), soft_wrap=True)
        else:
            console.print(Text(f" {_visible(source.raw)}"), soft_wrap=True)


def _visible(text: str) -> str:
    return "⏎".join(printable(line) for line in text.split("\n"))


def _pieces(trace: DocumentTrace, everything: bool) -> Iterator[RenderableType]:
    yield Text(f"document {trace.place.doc_id}", style="bold")
    width = max(len(name) for name, _ in sentences.facts(trace)) + 2
    for name, value in sentences.facts(trace):
        yield Text.assemble((f"{name:<{width}}", "dim"), _cut(value, everything))
    for warning in trace.warnings:
        yield Text.assemble(("warning: ", "bold yellow"), printable(warning))
    yield _steps(trace)
    yield _heading("document level")
    yield Text(printable(sentences.refiner(trace.doc_refiner)), style="dim")
    yield Text(printable(sentences.decision(trace.decision, trace.doc_refiner)))
    if trace.decision is not None and trace.decision.program is not None:
        yield from _program(trace.decision.program, everything)
    yield _heading("chunk level")
    yield Text(printable(sentences.refiner(trace.chunk_refiner)), style="dim")
    if not trace.chunks:
        yield Text(printable(sentences.no_chunks(trace)))
    for chunk in trace.chunks:
        yield from _chunk(trace, chunk, everything)
    yield from _text(trace, everything)


def _heading(title: str) -> Text:
    return Text.assemble("\n", (title, "bold underline"))


def _steps(trace: DocumentTrace) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("step", "state", "run", "written (UTC)", "code", "fingerprint"):
        grid.add_column(name, overflow="fold")
    for step in trace.steps:
        grid.add_row(
            Text(step.name),
            Text(step.state, style=_STATE_STYLES[step.state]),
            Text(printable(step.run_id or "-")),
            Text(f"{step.written_at:%Y-%m-%d %H:%M:%S}" if step.written_at else "-"),
            Text(printable(step.code_version or "-")),
            Text(printable(step.fingerprint or "-")),
        )
    return grid


def _chunk(trace: DocumentTrace, chunk: ChunkTrace, everything: bool) -> Iterator[RenderableType]:
    yield Text(printable(sentences.chunk(chunk)), style="bold")
    scored = sentences.scored_lines(trace, chunk)
    if scored:
        yield Text(f"  {sentences.scores(trace, scored)}{'' if everything else ' (all with --all)'}")
        yield from _limited([_scored(line) for line in scored if everything or line.removed], everything)
    if chunk.program is not None:
        yield from _program(chunk.program, everything)
    if chunk.edits:
        yield from _limited([_edit(edit) for edit in chunk.edits], everything)


def _program(program: str, everything: bool) -> Iterator[Text]:
    lines = [Text(f"  {_cut(line, everything)}", style="cyan") for line in program.split("\n")]
    return _limited(lines, everything)


def _scored(line: sentences.ScoredLine) -> Text:
    text = f"  {line.number:>6} P(keep) {line.probability:.3f}{' < ' if line.removed else '   '}"
    if line.opinions:
        text += f"({line.opinions}) "
    return Text(text + _cut(line.text, everything=False), style="red" if line.removed else "")


def _edit(edit: EditTrace) -> Text:
    sizes = f"-{edit.characters_removed:,} +{edit.characters_added:,}"
    style = "green" if edit.status == "applied" else "yellow"
    return Text.assemble(
        f"  {edit.position:>4} {edit.operation} {_cut(edit.arguments, everything=False)} ",
        (edit.status, style),
        f" {sizes}",
    )


def _text(trace: DocumentTrace, everything: bool) -> Iterator[Text]:
    if trace.refined_text is None:
        yield _heading("raw text (not kept)")
        yield from _limited([Text(f"  {_cut(line, everything)}") for line in trace.raw_text.split("\n")], everything)
        return
    yield _heading("text: - removed, ~ edited inside, + put in")
    if trace.provenance_gap is not None:
        yield Text(f"lines are compared, since {printable(trace.provenance_gap)}", style="dim")
    for group in trace.diff():
        if group.folded and not everything:
            characters = sum(line.characters for line in group.lines)
            yield Text(
                f"         … {len(group.lines):,} lines {group.lines[0].mark}, {characters:,} characters (--all)", "dim"
            )
        else:
            for line in group.lines:
                yield _diff_line(line, everything)


def _diff_line(line: DiffLine, everything: bool) -> Text:
    number = "" if line.number is None else str(line.number)
    text = Text.assemble((f"{number:>6} ", "dim"), (_PREFIXES[line.mark], _LINE_STYLES[line.mark]), " ")
    for mark, content in line.pieces:
        shown = _cut_inside(content, everything)
        if line.mark is not Mark.EDITED:
            text.append(shown, _LINE_STYLES[line.mark])
        elif mark is Mark.REMOVED:  # as in `git diff --word-diff`, so it reads without colour
            text.append(f"[-{shown}-]", "red")
        elif mark is Mark.ADDED:
            text.append(f"{{+{shown}+}}", "green")
        else:
            text.append(shown)
    return text


def _limited(lines: Sequence[Text], everything: bool) -> Iterator[Text]:
    shown = lines if everything or len(lines) <= LINES_SHOWN + 1 else lines[:LINES_SHOWN]
    yield from shown
    if len(shown) < len(lines):
        yield Text(f"  … {len(lines) - len(shown):,} more (--all)", style="dim")


def _cut(text: str, everything: bool) -> str:
    line = printable(text)
    return line if everything or len(line) <= CHARACTERS_PER_LINE else line[:CHARACTERS_PER_LINE] + "…"


def _cut_inside(text: str, everything: bool) -> str:
    """Cut out the middle, because the text next to a change is at the ends."""
    line = printable(text)
    if everything or len(line) <= CHARACTERS_PER_LINE:
        return line
    return f"{line[: CHARACTERS_PER_LINE // 2]} … {line[-CHARACTERS_PER_LINE // 2 :]}"
