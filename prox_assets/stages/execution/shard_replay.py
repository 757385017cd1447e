"""Replay: executes stored programs again, without a model, and compares the results with the stored ones.

Under the stored policy, every document must come out as stored, which proves that the results follow from documents and
programs. Under another policy, the comparison shows what executing the shard again would change. Nothing is written.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

from prox_assets.corpora.document import text_hash
from prox_assets.lake.executions import PublishedExecution, published_execution
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import KEPT_OUTCOMES, Table
from prox_assets.programs import EXECUTOR_VERSION, ExecutionPolicy
from prox_assets.stages.aligned_rows import (
    current_chunk_programs,
    documents_with_programs,
    inputs_of_execution,
)
from prox_assets.stages.execution.document_refinement import DocumentFate, NoChunkProgramsError, refine_document
from prox_assets.stages.run import Progress, StageError, StaleInputError

Row = dict[str, Any]

NOT_INFERRED = "not_inferred"
"""Takes the place of an outcome: the policy keeps the document, but it has no chunk programs."""

DOCUMENT_COLUMNS = ("doc_id", "source_row", "text", "text_hash", "url")

PROGRESS_DOCUMENTS = 500

COUNTS = ("documents", "equal", "reasons_changed", "characters_stored", "characters_replayed", "not_inferred")


class Transition(NamedTuple):
    """The stored outcome and the replayed one; they are equal if only the text differs."""

    stored: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that comes out differently.

    Attributes:
        doc_id: The document.
        shard: Its shard.
        url: Its address, if known.
        transition: Its stored and replayed outcomes.
        reason: The reason given in the replay.
        characters_stored: Characters of the stored refined text; 0 if it was not kept.
        characters_replayed: Likewise in the replay.
        first_difference: The first line that differs, stored and replayed, if both texts exist; else None.
    """

    doc_id: str
    shard: str
    url: str | None
    transition: Transition
    reason: str | None
    characters_stored: int
    characters_replayed: int
    first_difference: tuple[str, str] | None


@dataclass
class Replay:
    """What a replay of one or more shards found.

    Attributes:
        documents: Documents replayed.
        equal: Documents with the same outcome and, if kept, the same text hash.
        reasons_changed: Equal documents whose reason differs.
        differences: All other documents, counted by transition.
        characters_stored: Characters of all stored refined texts.
        characters_replayed: Likewise in the replay; documents that were not inferred count as 0.
        not_inferred: Documents that the policy keeps but that have no chunk programs.
        chunk_floors: Chunk floors of the shards with such documents.
        examples: Some of the differences, a limited number for each transition.
        executor_versions: Versions of the executor that wrote the stored results.
    """

    documents: int = 0
    equal: int = 0
    reasons_changed: int = 0
    differences: Counter[Transition] = field(default_factory=Counter)
    characters_stored: int = 0
    characters_replayed: int = 0
    not_inferred: int = 0
    chunk_floors: set[float] = field(default_factory=set)
    examples: list[Difference] = field(default_factory=list)
    executor_versions: set[int] = field(default_factory=set)

    @property
    def different(self) -> int:
        """Documents that come out differently."""
        return self.differences.total()

    def add(self, other: "Replay", examples: int) -> None:
        """Add what was found in another shard, with up to `examples` examples for each transition in all."""
        room = {transition: examples - self.differences[transition] for transition in other.differences}
        for example in other.examples:
            if room[example.transition] > 0:
                room[example.transition] -= 1
                self.examples.append(example)
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differences.update(other.differences)
        self.chunk_floors |= other.chunk_floors
        self.executor_versions |= other.executor_versions


def replay_shard(
    lake: Lake,
    corpus: str,
    shard: str,
    found: Replay,
    change: Callable[[ExecutionPolicy], ExecutionPolicy] = lambda policy: policy,
    *,
    examples: int = 3,
    progress: Progress = lambda done, total: None,
) -> None:
    """Execute a shard's stored programs, compare the results with the stored ones, and add the counts to `found`.

    Rows are streamed, so memory does not grow with the shard.

    Args:
        lake: The lake.
        corpus: The corpus.
        shard: The shard.
        found: Receives the counts; stays untouched when an error is raised.
        change: Maps the stored policy to the replay's policy.
        examples: Differences to keep for each transition.
        progress: Called with (documents done, total documents).

    Raises:
        LakeError: A file is missing, damaged, or from an execution that was cut short.
        StaleInputError: The stored results come from programs that have been replaced.
        StageError: The files do not line up, or their contents are inconsistent.
        ValueError: The changed policy is invalid.
    """
    chunks = current_chunk_programs(lake, corpus, shard)
    execution = published_execution(lake, corpus, shard)
    if execution.outcomes.notes.get("chunk_programs") != chunks.identity:
        raise StaleInputError(
            f"the stored results of shard {shard!r} come from programs that have been replaced since, so there is "
            "nothing to compare with; materialize refined_shards again"
        )
    stored_under, version = stored_policy(execution, shard)
    policy = change(stored_under)
    floor = chunks.notes["chunk_floor"]
    here = Replay(executor_versions={version})
    stored = _stored(lake, corpus, shard, execution.execution_id)
    walk = documents_with_programs(lake, corpus, shard, inputs_of_execution(chunks), DOCUMENT_COLUMNS)
    total = execution.outcomes.rows
    for one, result in zip_longest(walk, stored):
        if one is None or result is None or one[0]["doc_id"] != result[0]["doc_id"]:
            raise StageError(
                f"outcomes of shard {shard!r} does not line up with its documents: rows are missing or doubled. "
                "Materialize refined_shards again"
            )
        document, decision, programs = one
        outcome, refined = result
        fate = _fate(document, decision, programs, policy, floor)
        if fate is None:
            here.not_inferred += 1
            here.chunk_floors.add(floor)
        difference = _compare(here, shard, document, outcome, refined, fate)
        if difference is not None:
            here.differences[difference.transition] += 1
            if here.differences[difference.transition] <= examples:
                here.examples.append(difference)
        if here.documents % PROGRESS_DOCUMENTS == 0:
            progress(here.documents, total)
    progress(total, total)
    found.add(here, examples)


def stored_policy(execution: PublishedExecution, shard: str) -> tuple[ExecutionPolicy, int]:
    """Return an execution's policy, as the installed executor reads it, and the executor version that it ran with.

    Raises:
        StageError: This version of prox_assets cannot read the policy.
    """
    values = dict(execution.configuration["policy"])
    version = values.pop("executor_version", EXECUTOR_VERSION)
    try:
        return ExecutionPolicy.from_dict(values), version
    except (TypeError, ValueError) as error:
        raise StageError(
            f"this version cannot read the policy of shard {shard!r}: {error}. Materialize refined_shards again, or "
            "use the version of prox_assets that wrote it"
        ) from error


def _fate(
    document: Row, decision: Row, programs: list[Row], policy: ExecutionPolicy, floor: float
) -> DocumentFate | None:
    """Replay one document; return None if the policy keeps it but it never reached the chunk refiner."""
    if document["text_hash"] != text_hash(document["text"]):
        raise StageError(
            f"the text of document {document['doc_id']} does not match its stored hash; materialize raw_shards again"
        )
    try:
        return refine_document(document, decision, programs, policy)
    except NoChunkProgramsError:
        probability = decision["keep_probability"]
        if probability is None or probability >= floor:
            raise
        return None


def _stored(lake: Lake, corpus: str, shard: str, execution_id: str) -> Iterator[tuple[Row, Row | None]]:
    """Yield each row of `outcomes` with its row of `refined`, or None if the document was not kept."""
    refined_rows = lake.rows(corpus, Table.REFINED, shard, ["doc_id", "text", "refined_hash", "execution_id"])
    for outcome in lake.rows(corpus, Table.OUTCOMES, shard, ["doc_id", "outcome", "reason", "execution_id"]):
        refined = next(refined_rows, None) if outcome["outcome"] in KEPT_OUTCOMES else None
        for row in (outcome, refined):
            if row is not None and (row["execution_id"], row["doc_id"]) != (execution_id, outcome["doc_id"]):
                raise StageError(
                    f"refined and outcomes of shard {shard!r} are not both of the execution that its manifest names "
                    f"(document {outcome['doc_id']}); materialize refined_shards again"
                )
        if outcome["outcome"] in KEPT_OUTCOMES and (
            refined is None or text_hash(refined["text"]) != refined["refined_hash"]
        ):
            raise StageError(
                f"the refined text of document {outcome['doc_id']} of shard {shard!r} is missing or does not match its "
                "stored hash; materialize refined_shards again"
            )
        yield outcome, refined
    if next(refined_rows, None) is not None:
        raise StageError(
            f"refined of shard {shard!r} has more rows than there are kept documents; materialize refined_shards again"
        )


def _compare(
    here: Replay, shard: str, document: Row, outcome: Row, refined: Row | None, fate: DocumentFate | None
) -> Difference | None:
    """Count one document; return its difference, if any."""
    before = refined["text"] if refined is not None else None
    after = fate.text if fate is not None else None
    here.documents += 1
    here.characters_stored += len(before or "")
    here.characters_replayed += len(after or "")
    transition = Transition(outcome["outcome"], fate.outcome.value if fate is not None else NOT_INFERRED)
    same_text = (before is None) == (after is None) and (
        refined is None or after is None or text_hash(after) == refined["refined_hash"]
    )
    if transition.stored == transition.replayed and same_text:
        here.equal += 1
        here.reasons_changed += fate is not None and fate.reason != outcome["reason"]
        return None
    return Difference(
        doc_id=document["doc_id"],
        shard=shard,
        url=document["url"],
        transition=transition,
        reason=fate.reason if fate is not None else None,
        characters_stored=len(before or ""),
        characters_replayed=len(after or ""),
        first_difference=_first_difference(before, after) if before is not None and after is not None else None,
    )


def _first_difference(before: str, after: str) -> tuple[str, str] | None:
    for one, other in zip_longest(before.split("\n"), after.split("\n"), fillvalue=""):
        if one != other:
            return one, other
    return None
