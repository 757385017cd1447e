"""What the lake says about what is published: counts, refiners, rules, and what a proof has shown."""

import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow.parquet as pq

from prox_assets.lake.executions import published_execution
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.proofs import ProofTable, proof_path
from prox_assets.lake.schemas import Table
from prox_assets.proof.texts.outcomes import RefinedShard
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.manifest import ConfigNotes, PolicyNotes, ProofTables, RefinerNotes, ShardNotes
from prox_assets.publishing.survey import SurveyedCorpus

_LEVELS = {"document": Table.DOC_PROGRAMS, "chunk": Table.CHUNK_PROGRAMS}


def config_notes(lake: Lake, corpus: SurveyedCorpus) -> ConfigNotes:
    """Return what is known about a configuration.

    Raises:
        LakeError: The lake cannot be read, or has changed since it was surveyed.
    """
    refined = [shard.refined for shard in corpus.shards]
    shards = tuple(
        ShardNotes(
            shard=found.refined.shard,
            execution=found.refined.execution,
            rejected=lake.require(corpus.name, Table.REJECTS, found.refined.shard).rows,
            outcomes=shard_outcomes(lake, found.refined),
            withheld=len(found.withheld),
            published=found.rows.total(),
        )
        for found in corpus.shards
    )
    return ConfigNotes(
        name=corpus.name,
        shards=shards,
        left_out=dict(corpus.left_out),
        refiners=tuple(_refiners(lake, refined)),
        policies=tuple(_policies(lake, refined)),
        languages=dict(sorted(corpus.languages.items(), key=lambda item: (-item[1], item[0]))),
    )


def shard_outcomes(lake: Lake, shard: RefinedShard) -> dict[str, int]:
    """Return the documents of a shard by outcome.

    Raises:
        ReplacedTableError: Another run has replaced the shard meanwhile.
    """
    counts: Counter[str] = Counter()
    for frame in lake.frames(
        shard.corpus, Table.OUTCOMES, shard.shard, ["outcome"], shard.identity, execution=shard.execution
    ):
        counts.update(frame["outcome"].to_list())
    return dict(sorted(counts.items()))


def _refiners(lake: Lake, shards: Sequence[RefinedShard]) -> Iterable[RefinerNotes]:
    for level, table in _LEVELS.items():
        said: dict[str, dict[str, Any]] = {}
        counts: Counter[str] = Counter()
        for shard in shards:
            info = lake.require(shard.corpus, table, shard.shard)
            said[info.fingerprint] = dict(info.notes.get("refiner") or {})
            counts[info.fingerprint] += 1
        for found, number in counts.most_common():
            notes = said[found]
            yield RefinerNotes(
                level=level,
                name=notes.get("name") or "unknown",
                kind=notes.get("kind") or "unknown",
                model=notes.get("model"),
                revision=notes.get("resolved_revision") or notes.get("revision"),
                fingerprint=found,
                shards=number,
            )


def _policies(lake: Lake, shards: Sequence[RefinedShard]) -> Iterable[PolicyNotes]:
    policies: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    for shard in shards:
        execution = published_execution(lake, shard.corpus, shard.shard)
        policies[execution.fingerprint] = dict(execution.configuration["policy"])
        counts[execution.fingerprint] += 1
    for found, number in counts.most_common():
        yield PolicyNotes(fingerprint=found, settings=policies[found], shards=number)


def proof_tables(lake: Lake, proof: str) -> ProofTables:
    """Return the tables of a proof: primary contrasts, scores of finished models, and what the arms hold.

    Raises:
        PublishError: It has no report yet.
        LakeError: The lake cannot be read.
    """
    rows = {table: _rows(lake, proof, table) for table in ProofTable}
    return ProofTables(
        proof=proof,
        contrasts=tuple(row for row in rows[ProofTable.CONTRASTS] if row["primary"]),
        scores=tuple(_means(rows[ProofTable.SCORES])),
        arms=tuple(rows[ProofTable.ARMS]),
    )


_OF_SCORE = ("model", "budget", "evaluation", "measure", "arm")


def _means(scores: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Return the score of each finished model, as the mean over its seeds."""
    finished: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in scores:
        key = (*(row[name] for name in _OF_SCORE), row["seed"])
        if row["score"] is not None and (key not in finished or row["tokens"] > finished[key]["tokens"]):
            finished[key] = row
    seeds: dict[tuple[Any, ...], list[float]] = {}
    for key, row in finished.items():
        seeds.setdefault(key[:-1], []).append(row["score"])
    for key, values in sorted(seeds.items()):
        yield {**dict(zip(_OF_SCORE, key, strict=True)), "score": sum(values) / len(values), "seeds": len(values)}


def _rows(lake: Lake, proof: str, table: ProofTable) -> list[dict[str, Any]]:
    data = lake.storage.read_bytes(proof_path(proof, table))
    if data is None:
        raise PublishError(
            f"{lake.storage.uri(proof_path(proof, table))} is not there, so proof {proof} has nothing to attach: "
            "materialize its proof_report, or leave out `proof`"
        )
    return [{name: _plain(value) for name, value in row.items()} for row in pq.read_table(io.BytesIO(data)).to_pylist()]


def _plain(value: Any) -> Any:  # noqa: ANN401 - what Parquet holds
    """Return a value that JSON can write."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date | datetime) else value
