"""The text of a finding: what moved, by how much, since when, and a query for the documents in question.

judge.py decides that something moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prox_assets.catalog.printable import printable
from prox_assets.catalog.sql_parts import one_of, quoted
from prox_assets.monitoring.drift.readings import Histogram, Level, Rate, Reading, Row, bin_name, mean_of
from prox_assets.monitoring.drift.settings import KINDS, Kind, Measure

BINS_NAMED = 2
SHARDS_NAMED = 20
FINGERPRINT_DIGITS = 8

_NAMES: dict[Measure, str] = {
    Measure.KEEP_PROBABILITY: "keep probability",
    Measure.RETENTION: "retention per document",
    Measure.REMOVED_FRACTION: "removed fraction per kept document",
    Measure.DOCUMENT_LENGTH: "document length",
    Measure.OPERATIONS_PER_DOCUMENT: "operations per document",
    Measure.LANGUAGE_MIX: "language mix",
    Measure.REPEATED_LINES: "repeated lines",
    Measure.FAILED_PROGRAMS: "failed programs",
    Measure.TRUNCATED_PROGRAMS: "truncated programs",
    Measure.LOOPING_PROGRAMS: "looping programs",
    Measure.NO_OP_PROGRAMS: "no-op programs",
    Measure.OVER_DELETION: "over-deletion (documents that lost four fifths or more, or would have been emptied)",
    Measure.DROPPED_DOCUMENTS: "dropped documents",
    Measure.QUARANTINED_DOCUMENTS: "quarantined documents",
    Measure.REJECTED_ROWS: "rejected rows",
    Measure.DOC_TOKENS_PER_CHARACTER: "document-level tokens per character",
    Measure.CHUNK_TOKENS_PER_CHARACTER: "chunk-level tokens per character",
    Measure.SCHEMA: "columns",
}


@dataclass(frozen=True)
class Deviation:
    """How the judged shards differ from the baseline in one measure.

    Attributes:
        measure: The measure.
        value: The change.
        baseline: The measure over the baseline, if one number can express it.
        current: The same over the judged shards.
        groups: For a distribution, (first bin, last bin, share before, share now); for a schema, (column, "gone" or
            "new", 0, 0); empty for rates and levels.
    """

    measure: Measure
    value: float
    baseline: float | None
    current: float | None
    groups: tuple[tuple[Any, Any, float, float], ...]


def summary(measure: Measure, value: Reading) -> float | None:
    """Return the single number that summarizes a reading, if there is one."""
    match value:
        case Rate() | Level():
            return value.value
        case Histogram():
            return mean_of(measure, value)


def message(deviation: Deviation, limit: float, baseline: Sequence[Row], run: Sequence[Row], together: int = 1) -> str:
    """Describe what moved, by how much (the limit is `limit`) and since when, and whether the refiner changed with it.

    The run is the shards that deviate; `together` is how many of the latest were judged as one.
    """
    shards = f"the {len(baseline)} shards before" if len(baseline) != 1 else "the shard before"
    since = f"since {printable(run[0]['shard'])}"
    if len(run) > 1:
        since += f" ({len(run)} shards)"
    if together > 1:
        since += f", judged over the last {together} shards"
    return f"{_moved(deviation, limit)} against {shards}, {since}.{_configuration(baseline, run[0])}"


def in_words(kind: Kind, change: float, *, signed: bool = True) -> str:
    """Return a change, or a limit of one, in the unit that messages use for its kind."""
    match kind:
        case Kind.RATE:
            return f"{100 * change:{'+' if signed else ''}.1f} points"
        case Kind.LEVEL:
            return f"{change:{'+' if signed else ''}.1%}"
        case Kind.SCHEMA:
            return f"{change:.0f} columns"
        case Kind.DISTRIBUTION:
            return f"PSI {change:.3g}"


def _moved(deviation: Deviation, limit: float) -> str:
    name = _NAMES[deviation.measure]
    match KINDS[deviation.measure]:
        case Kind.RATE:
            return (
                f"{name.capitalize()}: {deviation.current:.1%}, was {deviation.baseline:.1%} "
                f"({in_words(Kind.RATE, deviation.value)}, limit {100 * limit:.1f})"
            )
        case Kind.LEVEL:
            return (
                f"{name.capitalize()}: {deviation.current:.4g}, was {deviation.baseline:.4g} "
                f"({in_words(Kind.LEVEL, deviation.value)}, limit {limit:.1%})"
            )
        case Kind.SCHEMA:
            changes = ", ".join(f"{printable(str(column))} is {change}" for column, change, _, _ in deviation.groups)
            return f"{name.capitalize()} changed: {changes}"
        case Kind.DISTRIBUTION:
            most = sorted(deviation.groups, key=lambda group: -abs(group[3] - group[2]))[:BINS_NAMED]
            bins = ", ".join(
                f"{bin_name(deviation.measure, first, last)} {before:.1%} to {now:.1%}"
                for first, last, before, now in most
            )
            return f"{name.capitalize()} shifted (PSI {deviation.value:.2f}, limit {limit:.3g}): {bins}"


def _configuration(baseline: Sequence[Row], first: Row) -> str:
    """Name what changed in the configuration at the first deviating shard; the deviation may then be intended."""
    changed = []
    for column, what in (
        ("doc_refiner", "document refiner"),
        ("chunk_refiner", "chunk refiner"),
        ("execution_fingerprint", "execution policy"),
    ):
        before, now = {row.get(column) for row in baseline}, first.get(column)
        if before and now not in before:
            changed.append(f"{what} (now {str(now)[:FINGERPRINT_DIGITS]})")
    if not changed:
        return ""
    return f" Changed at the same shard: {', '.join(changed)}. If this is intended, set accepted_from to this shard."


def examples(measure: Measure, corpus: str, shards: Sequence[str]) -> str:
    """Return a SELECT over the catalog's views that shows examples of a finding in the latest of its shards."""
    # Braces in names are safe: format() does not expand placeholders in the values that it inserts.
    where = f"corpus = {quoted(corpus)} AND {one_of('shard', shards[-SHARDS_NAMED:])}"
    return _EXAMPLES.get(measure, _MOST_REMOVED).format(where=where)


_MOST_REMOVED = (
    "SELECT shard, doc_id, outcome, characters_before, characters_after, operations_applied FROM outcomes "
    "WHERE {where} ORDER BY characters_after / greatest(characters_before, 1), doc_id LIMIT 20"
)
_TOKENS_PER_CHARACTER = (
    "SELECT shard, LEVEL_refiner, LEVEL_prompted.tokens / LEVEL_prompted.characters AS tokens_per_character "
    "FROM shard_metrics WHERE {where} ORDER BY shard"
)
_EXAMPLES: dict[Measure, str] = {
    Measure.KEEP_PROBABILITY: (
        "SELECT shard, doc_id, keep_probability FROM doc_programs WHERE {where} ORDER BY keep_probability LIMIT 20"
    ),
    Measure.DOCUMENT_LENGTH: (
        "SELECT shard, doc_id, url, length(text) AS characters FROM documents WHERE {where} "
        "ORDER BY characters DESC LIMIT 20"
    ),
    Measure.LANGUAGE_MIX: (
        "SELECT shard, entry.language, entry.count FROM "
        "(SELECT shard, unnest(documents_by_language) AS entry FROM shard_metrics WHERE {where}) "
        "ORDER BY shard, entry.count DESC"
    ),
    Measure.REPEATED_LINES: (
        "SELECT line, count(DISTINCT doc_id) AS documents, min(url) AS example FROM "
        "(SELECT doc_id, url, trim(unnest(string_split(text, chr(10)))) AS line FROM refined WHERE {where}) "
        "WHERE length(line) >= 10 GROUP BY line HAVING documents >= 3 ORDER BY documents DESC, line LIMIT 20"
    ),
    Measure.FAILED_PROGRAMS: (
        "SELECT shard, doc_id, chunk_index, verdict, operation, status, arguments FROM "
        "(SELECT * FROM chunk_outcomes WHERE {where} AND verdict IN ('refused', 'cut_off', 'crashed')) "
        "LEFT JOIN edits USING (corpus, shard, doc_id, chunk_index) LIMIT 20"
    ),
    Measure.TRUNCATED_PROGRAMS: (
        "SELECT shard, doc_id, chunk_index, completion_tokens, right(program, 200) AS ending FROM chunk_programs "
        "WHERE {where} AND finish_reason = 'length' LIMIT 20"
    ),
    Measure.LOOPING_PROGRAMS: (
        "SELECT shard, doc_id, chunk_index, operation, arguments FROM edits "
        "WHERE {where} AND status = 'looped' LIMIT 20"
    ),
    Measure.NO_OP_PROGRAMS: (
        "SELECT shard, doc_id, chunk_index, finish_reason, left(program, 200) AS program FROM chunk_programs "
        "WHERE {where} AND (corpus, shard, doc_id, chunk_index) IN (SELECT (corpus, shard, doc_id, chunk_index) "
        "FROM chunk_outcomes WHERE {where} AND verdict = 'no_change') LIMIT 20"
    ),
    # A document that was reverted would have lost too much, although its characters say otherwise.
    Measure.OVER_DELETION: (
        "SELECT shard, doc_id, outcome, reason, characters_before, characters_after FROM outcomes WHERE {where} "
        "AND reason IS DISTINCT FROM 'judged_worthless' "
        "ORDER BY CASE WHEN reason IN ('nothing_left', 'kept_share_too_small', 'too_few_characters') THEN 0 "
        "ELSE characters_after / greatest(characters_before, 1) END, doc_id LIMIT 20"
    ),
    Measure.DROPPED_DOCUMENTS: (
        "SELECT reason, outcome, count(*) AS documents, min(doc_id) AS example FROM outcomes "
        "WHERE {where} AND outcome LIKE 'dropped%' GROUP BY ALL ORDER BY documents DESC LIMIT 20"
    ),
    Measure.QUARANTINED_DOCUMENTS: (
        "SELECT shard, doc_id, reason FROM outcomes WHERE {where} AND outcome = 'quarantined' LIMIT 20"
    ),
    Measure.REJECTED_ROWS: "SELECT shard, source_file, source_row, reason, detail FROM rejects WHERE {where} LIMIT 20",
    Measure.DOC_TOKENS_PER_CHARACTER: _TOKENS_PER_CHARACTER.replace("LEVEL", "doc"),
    Measure.CHUNK_TOKENS_PER_CHARACTER: _TOKENS_PER_CHARACTER.replace("LEVEL", "chunk"),
    Measure.SCHEMA: "SELECT shard, doc_id, source_file, metadata FROM documents WHERE {where} LIMIT 20",
}
