"""What of a corpus is out of date under its present configuration: how much, why, and what doing it again costs.

`shard_states` compares files with each other; this also compares them with the settings, so a moved threshold or
another refiner shows before anything runs. `prox shards --settings` and the checks `up_to_date` print the same.
`look` does it for an overview: also without settings, and without opening every file of a large corpus.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from prox_assets.corpora.shards import Shard
from prox_assets.lake.chain import State
from prox_assets.lake.errors import LakeError
from prox_assets.lake.footers import Footers
from prox_assets.lake.identity import source_version
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawal_marks import pending
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import model_folder
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.states.identities import metrics_identity
from prox_assets.stages.states.shard_states import READERS, STAGES

# What making a stage again takes.
COSTS = {
    "raw_shards": "reading the raw file",
    "doc_programs": "inference",
    "chunk_programs": "inference",
    "refined_shards": "execution, no inference",
    "quality_metrics": "measuring, no inference",
}


@dataclass(frozen=True)
class Staleness:
    """How a stage of a shard stands under the present configuration.

    Attributes:
        state: Done, stale or missing.
        reason: Why it is not done; empty if it is.
    """

    state: State
    reason: str = ""


def staleness(
    lake: Lake,
    plan: RefinementPlan,
    shards: Iterable[Shard],
    last: str = "quality_metrics",
    *,
    remember: bool = False,
) -> dict[str, dict[str, Staleness]]:
    """Return how each stage of each shard stands, by shard key and stage.

    Weights are compared if they lie on this machine: a hub model is not downloaded only to be hashed. A damaged file is
    one more reason, and hides nothing else.

    Args:
        lake: The lake.
        plan: The present configuration.
        shards: The shards as last listed.
        last: The last stage that is asked about; the files of later ones are not opened.
        remember: Leave in the lake what files say of themselves, so that the next call opens only those written since.

    Raises:
        LakeError: The lake cannot be listed.
    """
    known, stages = list(shards), tuple(STAGES)
    wanted = stages[: stages.index(last) + 1]
    footers = Footers(lake, plan.corpus, [STAGES[stage] for stage in wanted])
    return _look(footers, plan, pending(lake, plan.corpus), known, wanted, remember=remember)


def look(
    lake: Lake,
    corpus: str,
    shards: Iterable[Shard],
    open_at_most: int,
    plan: RefinementPlan | None = None,
    *,
    remember: bool = False,
) -> dict[str, dict[str, Staleness]]:
    """Return how each stage of the shards stands, without opening more files than is said.

    Shards with missing files come first. Where no more files may be opened, only the first missing stage of a shard is
    told, and shards that have every file are left out.

    Args:
        lake: The lake.
        corpus: The corpus.
        shards: The shards as last listed.
        open_at_most: How many files may be opened.
        plan: The present configuration; None compares files with each other only.
        remember: As for `staleness`: the next look opens the files of other shards.

    Raises:
        LakeError: The lake cannot be listed.
    """
    footers = Footers(lake, corpus, STAGES.values())
    known = list(shards)
    gaps = {shard.key: _first_missing(footers, shard) for shard in known}
    seen: list[Shard] = []
    for shard in sorted(known, key=lambda shard: gaps[shard.key] is None):
        unread = footers.unread(shard.key)
        if unread <= open_at_most:
            open_at_most -= unread
            seen.append(shard)
    listed = {key: {stage: Staleness(State.MISSING, "never made")} for key, stage in gaps.items() if stage is not None}
    return listed | _look(footers, plan, pending(lake, corpus), seen, tuple(STAGES), remember=remember)


def _first_missing(footers: Footers, shard: Shard) -> str | None:
    return next((stage for stage, table in STAGES.items() if not footers.has(table, shard.key)), None)


def _look(
    footers: Footers,
    plan: RefinementPlan | None,
    withdrawn: Collection[str],
    shards: Sequence[Shard],
    wanted: Sequence[str],
    *,
    remember: bool,
) -> dict[str, dict[str, Staleness]]:
    configured = None if plan is None else _Configured.of(plan)
    with ThreadPoolExecutor(READERS) as readers:
        found = [*readers.map(partial(_of_shard, footers, configured, withdrawn, wanted), shards)]
    if remember:
        footers.remember()
    return {shard.key: stages for shard, stages in zip(shards, found, strict=True)}


class _Configured(NamedTuple):
    """What a configuration says of the files that it makes; the refiners' fingerprints are None where unknown."""

    documents: str
    doc_refiner: str | None
    chunk_refiner: str | None
    chunk_floor: float | None
    outcomes: str

    @classmethod
    def of(cls, plan: RefinementPlan) -> "_Configured":
        return cls(
            plan.ingest_fingerprint,
            refiner_fingerprint(plan, "doc"),
            refiner_fingerprint(plan, "chunk"),
            plan.chunk_floor,
            plan.execution_fingerprint,
        )


def refiner_fingerprint(plan: RefinementPlan, level: Literal["doc", "chunk"]) -> str | None:
    """Return the inference fingerprint of a level's refiner; None if this machine has no usable copy of its model."""
    config = plan.refiner(level)
    if config is not None and config.needs_engine and config.model and not model_folder(config.model).is_dir():
        return None
    try:
        return plan.session(level).fingerprint
    except RefinerError:
        return None


def summarize(stages: Iterable[Staleness]) -> str:
    """Count states and their reasons in one line, such as `5 done, 2 stale: the document refiner has changed (2)`."""
    found = list(stages)
    counts = Counter(stage.state for stage in found)
    reasons = Counter((stage.state, stage.reason) for stage in found if stage.state is not State.DONE)
    parts = [f"{counts[State.DONE]} done"]
    for state in (State.STALE, State.MISSING):
        if counts[state]:
            why = "; ".join(f"{reason} ({count})" for (kind, reason), count in reasons.most_common() if kind is state)
            parts.append(f"{counts[state]} {state}: {why}")
    return ", ".join(parts)


def _of_shard(
    footers: Footers,
    plan: _Configured | None,
    withdrawn: Collection[str],
    wanted: Sequence[str],
    shard: Shard,
) -> dict[str, Staleness]:
    damaged: set[str] = set()
    files: dict[str, FileInfo | None] = dict.fromkeys(STAGES)
    execution: str | None = None
    for stage in wanted:
        try:
            files[stage] = footers.info(STAGES[stage], shard.key)
            if STAGES[stage] is Table.OUTCOMES:
                execution = footers.execution(shard.key)
        except LakeError:
            damaged.add(stage)
    documents, decisions, chunks, outcomes, metrics = (files[stage] for stage in STAGES)
    # What would make a file stale, in the order in which a user would ask; the first that holds is the reason.
    causes = {
        "raw_shards": {
            "documents were withdrawn": shard.key in withdrawn,
            "the source file has changed": _note(documents, "source_version") != source_version(*shard.version),
            "the reading settings have changed": plan is not None and _fingerprint(documents) != plan.documents,
        },
        "doc_programs": {
            "the document refiner has changed": _differs(decisions, plan and plan.doc_refiner),
            "documents were read again": _note(decisions, "documents") != _identity(documents),
        },
        "chunk_programs": {
            "the chunk refiner has changed": _differs(chunks, plan and plan.chunk_refiner),
            "chunk_floor has changed": plan is not None and _note(chunks, "chunk_floor") != plan.chunk_floor,
            "doc_programs are newer": _note(chunks, "doc_programs") != _identity(decisions),
        },
        "refined_shards": {
            "thresholds or executor have changed": plan is not None and _fingerprint(outcomes) != plan.outcomes,
            "chunk_programs are newer": _note(outcomes, "chunk_programs") != _identity(chunks),
            "an execution was cut short": _note(outcomes, "execution_id") != execution,
        },
        "quality_metrics": {
            "refined_shards are newer": metrics is not None and metrics.identity != metrics_identity(execution),
        },
    }
    stages: dict[str, Staleness] = {}
    waits_for: str | None = None
    for stage in wanted:
        if stage in damaged:
            stages[stage] = Staleness(State.STALE, "its file is damaged")
        elif files[stage] is None:
            stages[stage] = Staleness(State.MISSING, f"waiting for {waits_for}" if waits_for else "never made")
        else:
            cause = next((cause for cause, holds in causes[stage].items() if holds), None)
            reason = cause or (f"waiting for {waits_for}" if waits_for else "")
            stages[stage] = Staleness(State.STALE if reason else State.DONE, reason)
        if stages[stage].state is not State.DONE and waits_for is None:
            waits_for = stage
    return stages


def _note(info: FileInfo | None, name: str) -> object:
    return info.notes.get(name) if info else None


def _identity(info: FileInfo | None) -> object:
    return info.identity if info else None


def _fingerprint(info: FileInfo | None) -> object:
    return info.fingerprint if info else None


def _differs(info: FileInfo | None, fingerprint: str | None) -> bool:
    return info is not None and fingerprint is not None and info.fingerprint != fingerprint
