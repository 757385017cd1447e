"""The lines that people have labelled as main content."""

import json
from collections.abc import Iterator

from prox_assets.proof.arms.context import ArmContext, ArmPart, parts_of, raw_source
from prox_assets.proof.arms.lines import Span, spans_of_lines
from prox_assets.proof.arms.table import whole, with_spans
from prox_assets.proof.errors import ProofError
from prox_assets.proof.settings import OracleArm


def oracle_parts(context: ArmContext, arm: OracleArm) -> Iterator[ArmPart]:
    """Yield the arm, shard by shard.

    Raises:
        ProofError: A document has no labels, or another number of labels than of lines.
    """
    for shard, rows in context.shards():
        frames = []
        for frame in context.texts(shard, rows, "metadata"):
            places = zip(frame["doc_id"], frame["source_row"], frame["text"], frame["metadata"], strict=True)
            spans = [
                _labelled(f"document {doc_id} (row {row} of shard {shard.shard!r})", text, metadata, arm.labels)
                for doc_id, row, text, metadata in places
            ]
            frames.append(with_spans(frame, spans, "every line is labelled 0"))
        yield shard.corpus, raw_source(shard), parts_of(whole(rows), frames)


def _labelled(what: str, text: str, metadata: str | None, column: str) -> list[Span]:
    labels = json.loads(metadata or "{}").get(column)
    if not isinstance(labels, list):
        raise ProofError(
            f"{what} has no labels in {column!r} of its metadata: leave the oracle out, or name the column of the "
            "source that has one label per line (labels:)"
        )
    lines = text.split("\n")
    if len(labels) != len(lines):
        raise ProofError(
            f"{what} has {len(lines)} lines and {len(labels)} labels in {column!r}: the labels are of another text"
        )
    kept = [label != 0 for label in labels]
    if not any(keep and line.strip() for keep, line in zip(kept, lines, strict=True)):
        return []
    return spans_of_lines([*map(len, lines)], kept)
