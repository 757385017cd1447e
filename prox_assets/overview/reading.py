"""Reads a lake for an overview: every corpus by itself, so that a damaged one hides no other.

Metrics, policies, manifests and shards come from the catalog's compactions, as for the corpora's own reports. Whether
files are current stands in their footers, which are remembered: a look opens only so many that it does not know.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import polars as pl
from pydantic import BaseModel

from prox_assets import __version__
from prox_assets.catalog.connection import ask_catalog, ask_corpus
from prox_assets.catalog.queries.compute import attempts, cost_of
from prox_assets.catalog.queries.counts import COUNTED_COLUMNS, totals
from prox_assets.catalog.queries.judgements import judgement_counts
from prox_assets.catalog.queries.overview import (
    HISTORY_COLUMNS,
    HISTORY_TABLES,
    PROOF_TABLES,
    SHARD_COLUMNS,
    history_of,
    listed_versions,
    proof_verdicts,
)
from prox_assets.corpora.shards import Shard
from prox_assets.lake.chain import State
from prox_assets.lake.errors import LakeError, RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, Replica, exports
from prox_assets.lake.records.proofs import PROOFS
from prox_assets.lake.records.withdrawn import withdrawn
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.monitoring.alert_status import read_alert_status
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import DriftError, judge_arrivals, nothing_judged
from prox_assets.monitoring.drift.settings import DriftSettings, Severity
from prox_assets.monitoring.report.write import report_path
from prox_assets.overview.contents import (
    CorpusOverview,
    Cost,
    Day,
    Drift,
    ExportOverview,
    Failure,
    Finding,
    LakeOverview,
    Open,
    Point,
    Progress,
    ProofOverview,
    Refiners,
    ReplicaOverview,
    Totals,
    Withdrawals,
)
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.settings import WatchedCorpora
from prox_assets.stages.states.staleness import Staleness, look
from prox_assets.tokens.manifest import MANIFEST, TokenManifest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OPENED = 5_000
"""How many files of a lake one look opens to see whether they are current: some five seconds on a disk."""

EXAMPLES = 10

AnswerT = TypeVar("AnswerT")


def read_overview(
    lake: Lake,
    watched: WatchedCorpora | None = None,
    plans: Mapping[str, RefinementPlan] | None = None,
    open_at_most: int = OPENED,
    *,
    remember: bool = True,
) -> LakeOverview:
    """Read what an overview says.

    Args:
        lake: The lake.
        watched: When a shard of a corpus counts as drifted; by default, the default thresholds.
        plans: Present configurations by corpus: a shard that they would refine otherwise is stale, too.
        open_at_most: How many files are opened to see whether they are current.
        remember: Leave in the lake what these files say, so that the next overview opens others.

    Raises:
        LakeError: The lake cannot be listed.
    """
    corpora = lake.corpora()
    problems: dict[str | None, list[str]] = defaultdict(list)
    attempted = _Attempted(lake, corpora, problems)
    written = _guarded(problems[None], lambda: _exports(lake), ())
    found = []
    for corpus in corpora:
        reader = _CorpusReader(lake, corpus, problems[corpus], remember=remember)
        settings = (watched or WatchedCorpora()).of(corpus).monitoring
        read = reader.read(settings, (plans or {}).get(corpus), open_at_most // len(corpora), attempted)
        exported = sum(corpus in export.corpora for export in written)
        found.append(read.model_copy(update={"exports": exported, "problems": tuple(dict.fromkeys(problems[corpus]))}))
    return LakeOverview(
        lake=lake.url,
        written=datetime.now(UTC),
        version=__version__,
        corpora=tuple(found),
        exports=written,
        withdrawals=_guarded(problems[None], lambda: _withdrawals(lake), Withdrawals()),
        proofs=_guarded(problems[None], lambda: _proofs(lake, attempted), ()),
        problems=tuple(dict.fromkeys(problems[None])),
    )


def _guarded(problems: list[str], read: Callable[[], AnswerT], otherwise: AnswerT) -> AnswerT:
    """Return what is read; if it cannot be, say so among the problems and return something else."""
    try:
        return read()
    except LakeError as error:
        problems.append(str(error))
        return otherwise


class _Attempted:
    """All attempts on record: read at once, or corpus by corpus if a file is damaged."""

    def __init__(self, lake: Lake, corpora: Sequence[str], problems: Mapping[str | None, list[str]]) -> None:
        try:
            parts = [attempts(lake, corpora)]
        except LakeError:
            parts = [_guarded(problems[None], lambda: attempts(lake, []), None)]
            parts += [
                _guarded(problems[name], lambda name=name: attempts(lake, [name], [name]), None) for name in corpora
            ]
        rows = [part for part in parts if part is not None]
        self._rows = pl.concat(rows) if rows else None

    def of(self, owner: str, *, training: bool = False) -> "pl.DataFrame | None":
        """Return the attempts at a corpus, or at the models of a proof; None if none is on record."""
        if self._rows is None:
            return None
        is_training = pl.col("refiner").is_null()
        found = self._rows.filter(pl.col("corpus") == owner, is_training if training else ~is_training)
        return None if found.is_empty() else found


class _CorpusReader:
    """Reads one corpus; what cannot be read is told among its problems."""

    def __init__(self, lake: Lake, corpus: str, problems: list[str], *, remember: bool) -> None:
        self._lake, self._corpus, self._problems, self._remember = lake, corpus, problems, remember

    def read(
        self, settings: DriftSettings, plan: RefinementPlan | None, open_at_most: int, attempted: _Attempted
    ) -> CorpusOverview:
        lake, corpus = self._lake, self._corpus
        known = self._guarded(lambda: lake.shards(corpus, Table.SHARDS), [])
        listed = self._sound(listed_versions, [Table.SHARDS], SHARD_COLUMNS) or []
        history = self._sound(history_of, HISTORY_TABLES, HISTORY_COLUMNS)
        counted = self._sound(lambda con: totals(con).to_dicts(), [Table.SHARD_METRICS], COUNTED_COLUMNS)
        said = self._sound(lambda con: judgement_counts(con).to_dicts(), [Table.JUDGEMENTS]) or []
        judged: Counter[str] = Counter()
        for row in said:
            judged[row["judgement"]] += row["documents"]
        spent = attempted.of(corpus)
        alerts = self._guarded(lambda: read_alert_status(lake, corpus), None)
        return CorpusOverview(
            corpus=corpus,
            shards=len(known),
            gone=sum(gone_since is not None for _, _, _, gone_since in listed),
            totals=_totals(counted[0]) if counted else None,
            refiners=tuple(map(_refiners, history.configurations)) if history else (),
            last_measured=history and history.last_measured,
            last_run=history and history.last_run,
            progress=self._guarded(lambda: self._progress(known, listed, open_at_most, plan), Progress()),
            drift=self._guarded(lambda: self._drift(settings), Drift()),
            open_alerts=alerts and alerts.open,
            cost=Cost() if spent is None else Cost(**asdict(cost_of(spent))),
            failures=() if spent is None else tuple(_failures(spent, known)),
            judgements=dict(judged),
            trend=tuple(Point(**_counts(Point, row)) for row in history.trend) if history else (),
            days=tuple(Day(**_counts(Day, row)) for row in history.days) if history else (),
            has_report=self._guarded(lambda: lake.storage.exists(report_path(corpus)), otherwise=False),
        )

    def _guarded(self, read: Callable[[], AnswerT], otherwise: AnswerT) -> AnswerT:
        return _guarded(self._problems, read, otherwise)

    def _sound(
        self,
        question: Callable[["DuckDBPyConnection"], AnswerT],
        tables: Sequence[Table],
        columns: Sequence[str] | None = None,
    ) -> AnswerT | None:
        """Ask the catalog; if a shard is damaged, say so and ask about the others."""
        try:
            return ask_corpus(self._lake, self._corpus, question, tables, columns=columns)
        except RetryableLakeError as error:
            self._problems.append(str(error))
        except LakeError as error:
            sound = self._guarded(lambda: self._sound_shards(tables), None)
            if sound is not None:
                return self._guarded(
                    lambda: ask_corpus(self._lake, self._corpus, question, tables, sound, columns), None
                )
            self._problems.append(str(error))
        return None

    def _sound_shards(self, tables: Sequence[Table]) -> list[str] | None:
        """Return the shards without a damaged file, and name the others among the problems; None if none is damaged."""
        sound: set[str] = set()
        damaged: dict[str, str] = {}
        for table in tables:
            for shard in self._lake.shards(self._corpus, table):
                try:
                    self._lake.info(self._corpus, table, shard)
                    sound.add(shard)
                except LakeError as damage:
                    damaged[shard] = str(damage)
        self._problems += damaged.values()
        return sorted(sound - damaged.keys()) if damaged else None

    def _progress(
        self,
        known: Sequence[str],
        listed: Sequence[tuple[str, int | None, str | None, datetime | None]],
        open_at_most: int,
        plan: RefinementPlan | None,
    ) -> Progress:
        versions = [
            Shard(key, "", "", "", None, None, size, etag, None, gone_since=gone) for key, size, etag, gone in listed
        ]
        seen = look(self._lake, self._corpus, versions, open_at_most, plan, remember=self._remember)
        done = 0
        waiting: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for shard, stages in sorted(seen.items()):
            where = _first_open(stages)
            if where is None:
                done += 1
            else:
                waiting[where].append(shard)
        gaps = [
            Open(stage=stage, state=state, reason=reason, shards=len(names), examples=tuple(names[:EXAMPLES]))
            for (stage, state, reason), names in waiting.items()
        ]
        gaps.sort(key=lambda gap: -gap.shards)
        return Progress(done=done, waiting=tuple(gaps), not_looked_at=len(known) - len(seen))

    def _drift(self, settings: DriftSettings) -> Drift:
        try:
            judgements = judge_arrivals(arrivals(self._lake, self._corpus, settings), settings)
        except DriftError as error:
            return Drift(not_judged=str(error))
        latest = judgements[-1] if judgements else None
        found = sorted(latest.findings if latest else (), key=lambda finding: finding.severity is Severity.WARN)
        return Drift(
            findings=tuple(
                Finding(
                    measure=finding.measure.value,
                    severity=finding.severity.value,
                    since=finding.since,
                    shards=len(finding.shards),
                    message=finding.message,
                )
                for finding in found
            ),
            measures=len(latest.judged) if latest else 0,
            not_judged=nothing_judged(judgements, settings),
        )


def _first_open(stages: Mapping[str, Staleness]) -> tuple[str, str, str] | None:
    """Return the first stage that is not done, with its state and the reason."""
    return next(
        ((stage, found.state.value, found.reason) for stage, found in stages.items() if found.state is not State.DONE),
        None,
    )


def _counts(model: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row has of a model's fields; a sum over nothing is 0."""
    fields = {name: field for name, field in model.model_fields.items() if name in row}
    return {name: 0 if row[name] is None and field.annotation is int else row[name] for name, field in fields.items()}


def _totals(row: Mapping[str, Any]) -> Totals:
    return Totals(**_counts(Totals, row), outcomes={outcome.value: row[outcome.value] or 0 for outcome in Outcome})


def _refiners(row: Mapping[str, Any]) -> Refiners:
    named = {name: row[name] for name in Refiners.model_fields if name != "policy"}
    return Refiners(**named, policy=json.loads(row["policy"] or "{}"))


def _failures(spent: "pl.DataFrame", known: Sequence[str]) -> Iterator[Failure]:
    """Yield the shards of which the latest attempt at a stage did not succeed; those that are no longer there aside."""
    latest = spent.group_by("stage", "shard").agg(pl.all().sort_by("started_at").last())
    missed = latest.filter(~pl.col("succeeded").fill_null(value=False), pl.col("shard").is_in(list(known)))
    for row in missed.sort("started_at", descending=True).iter_rows(named=True):
        yield Failure(**{name: row[name] for name in Failure.model_fields})


def _exports(lake: Lake) -> tuple[ExportOverview, ...]:
    requested = [withdrawal.requested_at for withdrawal in withdrawn(lake).withdrawals]
    return tuple(_export(export, requested) for export in exports(lake))


def _export(export: Export, requested: Sequence[datetime]) -> ExportOverview:
    complete: bool | None = None
    shards = None
    with suppress(LakeError, OSError, ValueError, ImportError):
        data = export.open().read_bytes(MANIFEST)
        complete = data is not None
        if data is not None and export.kind == "tokens":
            shards = TokenManifest.model_validate_json(data).shards
    newest: dict[str, Replica] = {}
    for replica in sorted(export.replicas, key=lambda each: each.uploaded_at):
        newest[replica.where] = replica
    return ExportOverview(
        kind=export.kind,
        name=export.name,
        url=export.url,
        corpora=export.corpora,
        written_at=export.written_at,
        complete=complete,
        documents=None if shards is None else sum(shard.documents for shard in shards),
        tokens=None if shards is None else sum(shard.tokens for shard in shards),
        replicas=tuple(
            ReplicaOverview(
                where=each.where,
                revision=each.revision,
                uploaded_at=each.uploaded_at,
                withdrawals_since=sum(moment > each.uploaded_at for moment in requested),
            )
            for each in newest.values()
        ),
    )


def _withdrawals(lake: Lake) -> Withdrawals:
    found = withdrawn(lake).withdrawals
    by = Counter(withdrawal.by.value for withdrawal in found)
    return Withdrawals(by=dict(by), last_requested=max((each.requested_at for each in found), default=None))


def _proofs(lake: Lake, attempted: _Attempted) -> tuple[ProofOverview, ...]:
    try:
        rows = ask_catalog(lake, proof_verdicts, [], PROOF_TABLES)
    except duckdb.Error as error:
        raise LakeError(f"the tables of proofs in {lake.url}/{PROOFS} cannot be read: {error}") from error
    found = []
    for row in rows:
        spent = attempted.of(row["proof"], training=True)
        sentences = row.pop("sentences")
        verdicts = Counter(row.pop("verdicts"))
        cost = Cost() if spent is None else Cost(**asdict(cost_of(spent)))
        found.append(ProofOverview(**row, verdicts=dict(verdicts), sentences=tuple(sentences), cost=cost))
    return tuple(found)
