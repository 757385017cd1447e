"""Describes a DocumentTrace in short sentences, so that the terminal and the page say the same.

The sentences may contain text from the web or from a model, so callers must escape them.
"""

from typing import NamedTuple

from prox_assets.catalog.trace.record import ChunkTrace, DecisionTrace, DocumentTrace, RefinerTrace
from prox_assets.lake.schemas import Outcome
from prox_assets.programs import Segment, SegmentKind, Verdict
from prox_assets.refiners.cascade.combining import model_share


def facts(trace: DocumentTrace) -> list[tuple[str, str]]:
    """Return (name, value) pairs that introduce the document."""
    place = trace.place
    where = f" in {trace.source_url}" if trace.source_url else ""
    row = "a row" if trace.file_row is None else f"row {trace.file_row:,}"
    pairs = [
        ("outcome", outcome(trace)),
        ("url", trace.url or "none"),
        ("source", f"{row} of {trace.source_file}{where}"),
        ("corpus", f"{place.corpus}, shard {place.shard}"),
        ("hash of raw text", trace.text_hash),
    ]
    if trace.refined_hash is not None:
        pairs.append(("hash of refined text", trace.refined_hash))
    if trace.execution_id is not None:
        pairs.append(("execution", f"{trace.execution_id}, rules {trace.execution_fingerprint or 'unknown'}"))
    if trace.metadata not in (None, "", "{}"):
        pairs.append(("metadata", trace.metadata or ""))
    return pairs


def outcome(trace: DocumentTrace) -> str:
    """Say what became of the document."""
    result = trace.outcome
    if result is None:
        return "none yet: no published execution holds the document"
    reason = f" ({result.reason})" if result.reason else ""
    if result.outcome in (Outcome.DROPPED_BY_DOCUMENT, Outcome.QUARANTINED):
        return f"{result.outcome}{reason}, {result.characters_before:,} characters not kept"
    return (
        f"{result.outcome}{reason}, {result.characters_before:,} to {result.characters_after:,} characters, "
        f"{result.lines_before:,} to {result.lines_after:,} lines; {result.operations_applied:,} operations applied, "
        f"{result.operations_failed:,} failed"
    )


def refiner(who: RefinerTrace | None) -> str:
    """Name a refiner with its model, revision and fingerprint."""
    if who is None:
        return "nobody yet"
    words = [who.name or "unnamed"]
    if who.kind == "rules":
        words.append("rules without a model")
    if who.kind == "classifier":
        words.append("a classifier")
    if who.kind == "selector":
        words.append("a selector")
    if who.model:
        words.append(f"model {who.model}")
    if who.revision:
        words.append(f"revision {who.revision}")
    if who.cascade is not None:
        words.append(f"asked after the classifier {who.cascade.classifier}")
    if who.kind in ("model", "cascade") and who.dialect:
        words.append(f"dialect {who.dialect}")
    words.append(f"fingerprint {who.fingerprint}")
    return ", ".join(words)


def decision(said: DecisionTrace | None, who: RefinerTrace | None = None) -> str:
    """Say how the document level decided, without the program text; `who` is its refiner."""
    if said is None:
        return "none: doc_programs holds nothing on this document"
    if said.error is not None:
        return f"failed: {said.error}"
    if said.skip_reason is not None:
        return f"not shown to the refiner ({said.skip_reason})"
    words = []
    if said.keep_probability is not None:
        words.append(f"P(keep) {said.keep_probability:.4f}{_against(said.keep_probability, said.threshold)}")
    elif said.program is None:
        words.append("not asked")
    classifier = said.classifier_keep_probability
    if classifier is not None:
        words.append(opinions(classifier, said.keep_probability, said.prompt_tokens, who))
    words.append(_answer(said.finish_reason, said.prompt_tokens, said.completion_tokens))
    if said.truncated:
        words.append("only the head of the document was shown")
    return ", ".join(words)


def _against(probability: float, threshold: float | None) -> str:
    if not 0 <= probability <= 1:  # NaN too
        return " (no probability, so it decided nothing)"
    if threshold is None:
        return ""
    return f" {'≥' if probability >= threshold else '<'} doc_keep_threshold {threshold}"


# SKIPPED is missing on purpose: the skip_reason explains a chunk without a program.
_VERDICTS: dict[str, str] = {
    Verdict.APPLIED: "carried out",
    Verdict.NO_CHANGE: "carried out, without a change",
    Verdict.REFUSED: "refused as a whole",
    Verdict.CUT_OFF: "refused as a whole, since it was cut off",
    Verdict.REVERTED: "carried out and taken back, since too little of the document would be left",
    Verdict.CRASHED: "not carried out, since the released executor has no result for the document",
}


def chunk(part: ChunkTrace) -> str:
    """Say which lines a chunk holds, how its answer ended and what became of it, without the program text."""
    words = [f"chunk {part.index}: lines {part.line_start:,} to {part.line_end:,}"]
    if part.error is not None:
        words.append(f"failed: {part.error}")
    elif part.skip_reason is not None:
        words.append(f"not shown to the refiner ({part.skip_reason}), so kept as it was")
    else:
        words.append(_answer(part.finish_reason, part.prompt_tokens, part.completion_tokens))
        words.extend(_asked(part))
    if part.verdict in _VERDICTS:
        words.append(_VERDICTS[part.verdict])
    return ", ".join(words)


def _asked(part: ChunkTrace) -> list[str]:
    """Say of a cascade's chunk whether the model was asked."""
    first = part.classifier_keep_probabilities
    if not first:
        return []
    if not part.prompt_tokens:
        return ["by the classifier alone"]
    if part.line_keep_probabilities is not None:
        return ["by the classifier and the model"]
    return [f"by the model, since the classifier was unsure (mean P(keep) {_short(sum(first) / len(first))})"]


def _answer(finish_reason: str, prompt_tokens: int, completion_tokens: int) -> str:
    ending = "cut off by the token limit" if finish_reason == "length" else finish_reason
    if not prompt_tokens:
        return ending
    return f"{ending}, {prompt_tokens:,} prompt and {completion_tokens:,} answer tokens"


class ScoredLine(NamedTuple):
    """A line with its P(keep).

    Attributes:
        number: Its number in the document.
        probability: P(keep).
        removed: It lies below the cutoff in force.
        text: The line.
        opinions: In a cascade, who said what; else empty.
    """

    number: int
    probability: float
    removed: bool
    text: str
    opinions: str = ""


def scored_lines(trace: DocumentTrace, part: ChunkTrace) -> list[ScoredLine]:
    """Return the scored lines of a chunk, numbered as in the document; [] where lines were not scored."""
    cutoff = trace.line_cutoff
    lines = trace.raw_text.split("\n")[part.line_start : part.line_end + 1]
    said = part.line_keep_probabilities or ()
    first = part.classifier_keep_probabilities or [None] * len(said)
    return [
        ScoredLine(
            part.line_start + offset,
            probability,
            cutoff is not None and probability < cutoff,
            line,
            "" if own is None else opinions(own, probability, part.prompt_tokens, trace.chunk_refiner),
        )
        for offset, (probability, own, line) in enumerate(zip(said, first, lines, strict=False))
    ]


def opinions(classifier: float, together: float | None, prompt_tokens: int, who: RefinerTrace | None) -> str:
    """Say which of a cascade's two refiners decided, with the P(keep) of each.

    Args:
        classifier: P(keep) by the classifier.
        together: P(keep) as it was stored; None where the model wrote a program.
        prompt_tokens: Tokens shown to the model; 0 where it was not asked.
        who: The cascade, whose weights give the model's own P(keep).
    """
    if not prompt_tokens:
        return f"classifier alone {_short(classifier)}"
    if together is None:
        return f"classifier {_short(classifier)}, so the model was asked"
    if who is None or who.cascade is None:
        return f"classifier {_short(classifier)}, together {_short(together)}"
    model = model_share(classifier, together, who.cascade)
    return f"classifier {_short(classifier)}, model {_short(model)}, together {_short(together)}"


def _short(probability: float) -> str:
    return f"{probability:.2f}".removeprefix("0")


def scores(trace: DocumentTrace, lines: list[ScoredLine]) -> str:
    """Sum up scored lines."""
    if trace.line_cutoff is None or trace.policy is None:
        return f"{len(lines):,} lines scored"
    below = sum(line.removed for line in lines)
    if trace.policy.get("line_decision") != "expected_f1":
        return f"{len(lines):,} lines scored, {below:,} below line_keep_threshold {trace.line_cutoff}"
    least = trace.policy.get("line_min_gain", 0)
    if least and not trace.line_cutoff:
        return f"{len(lines):,} lines scored, all kept: to remove some would gain too little (line_min_gain {least})"
    return f"{len(lines):,} lines scored; lines kept at P >= {trace.line_cutoff:.3f} (expected F1), {below:,} below"


def no_chunks(trace: DocumentTrace) -> str:
    """Say why a document has no chunk programs."""
    if trace.chunk_refiner is None:
        return "none: chunk_programs has not been run"
    floor = f" (chunk_floor {trace.chunk_floor})" if trace.chunk_floor is not None else ""
    return f"none: the chunk refiner is shown only documents that the document level lets through{floor}"


class SpanSource(NamedTuple):
    """Where one part of a span of refined text came from.

    Attributes:
        place: The refined range, the raw range, and the raw line of its first character.
        kind: Whether it was copied or replaced.
        refined: The refined characters.
        raw: The raw characters.
    """

    place: str
    kind: SegmentKind
    refined: str
    raw: str


def span_sources(trace: DocumentTrace, start: int, end: int) -> list[SpanSource]:
    """Say where the refined characters start to end (exclusive) came from.

    Raises:
        ValueError: The document has no such range, or its provenance is unknown.
    """
    if trace.refined_text is None:
        raise ValueError("the document has no refined text, so no span of it came from anywhere")
    if trace.provenance is None:
        raise ValueError(f"it cannot be said where its text came from: {trace.provenance_gap}")
    return [_source(trace.raw_text, trace.refined_text, segment) for segment in trace.provenance.sources(start, end)]


def _source(raw: str, refined: str, segment: Segment) -> SpanSource:
    line_start = raw.rfind("\n", 0, segment.raw_start) + 1
    line = raw.count("\n", 0, segment.raw_start)
    place = (
        f"refined {segment.refined_start}:{segment.refined_end} from raw {segment.raw_start}:{segment.raw_end} "
        f"(line {line}, column {segment.raw_start - line_start})"
    )
    return SpanSource(
        place,
        segment.kind,
        refined[segment.refined_start : segment.refined_end],
        raw[segment.raw_start : segment.raw_end],
    )
