"""Samples of edits for the card: documents as they were and as they are, line by line."""

from collections.abc import Iterator, Sequence

from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.printable import printable
from prox_assets.catalog.queries.documents_to_show import documents_to_show
from prox_assets.catalog.text_diff import DiffGroup, DiffLine, Mark
from prox_assets.catalog.trace.read import read_trace
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.personal_data import find
from prox_assets.publishing.manifest import Sample, SampleLine

LINES = 30
CHARACTERS = 160
# Asked for beside those that are shown, because some may be withdrawn or hold personal data.
SPARE = 8


def edit_samples(
    lake: Lake, corpus: str, shards: Sequence[str], number: int, withdrawn: Withdrawn
) -> tuple[Sample, ...]:
    """Return edited documents around the median of what was removed.

    A sample shows raw lines, so documents in which the policy finds personal data to replace are passed over.

    Args:
        lake: The lake.
        corpus: The corpus.
        shards: The shards to choose from.
        number: How many.
        withdrawn: What must not be shown.

    Raises:
        LakeError: A file is damaged.
    """
    if not number:
        return ()
    places = ask_corpus(lake, corpus, lambda con: documents_to_show(con, number + SPARE), (Table.OUTCOMES,), shards)
    found: list[Sample] = []
    for place in places:
        trace = read_trace(lake, place)
        if trace.refined_text is None or withdrawn.of(place.doc_id, trace.url, trace.text_hash) is not None:
            continue
        if find(trace.raw_text, (trace.policy or {}).get("personal_data", ())):
            continue
        lines = [line for group in trace.diff() for line in _lines(group)]
        if len(lines) > LINES:
            lines = [*lines[:LINES], SampleLine(sign="@", text=f"{len(lines) - LINES} more lines are not shown")]
        found.append(Sample(config=corpus, doc_id=place.doc_id, lines=tuple(lines)))
        if len(found) == number:
            break
    return tuple(found)


def _lines(group: DiffGroup) -> Iterator[SampleLine]:
    if group.folded:
        yield SampleLine(sign="@", text=f"{len(group.lines)} lines {group.lines[0].mark}")
        return
    for line in group.lines:
        match line.mark:
            case Mark.KEPT:
                yield SampleLine(sign=" ", text=_side(line, Mark.ADDED))
            case Mark.REMOVED:
                yield SampleLine(sign="-", text=_side(line, Mark.ADDED))
            case Mark.ADDED:
                yield SampleLine(sign="+", text=_side(line, Mark.REMOVED))
            case Mark.EDITED:
                yield SampleLine(sign="-", text=_side(line, Mark.ADDED))
                yield SampleLine(sign="+", text=_side(line, Mark.REMOVED))


def _side(line: DiffLine, absent: Mark) -> str:
    text = printable("".join(piece.text for piece in line.pieces if piece.mark is not absent))
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…"
