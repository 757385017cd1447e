"""What an overview of a lake says, as data: `prox overview --json` prints it."""

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from prox_assets.catalog.printable import printable

NAMED = 3
"""How many shards a notice names."""


class _Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(StrEnum):
    """How urgent something is, the worst first."""

    ERROR = "error"
    WARN = "warn"
    FINE = "fine"


class Notice(_Contents):
    """Something that somebody should look at."""

    level: Level
    corpus: str | None = Field(description="The corpus; null for something of the whole lake.")
    text: str


class Refiners(_Contents):
    """Refiners and policy of some shards."""

    name: str | None = Field(description="Name of the refiners; null where an earlier release did not note it.")
    doc_refiner: str | None = Field(description="Inference fingerprint of the document refiner.")
    chunk_refiner: str | None = Field(description="The same of the chunk refiner.")
    execution_fingerprint: str = Field(description="Fingerprint of the policy.")
    policy: dict[str, Any] = Field(description="The policy; empty if it has been overwritten since.")
    shards: int = Field(description="Shards whose latest measurement is of them.")


class Finding(_Contents):
    """A drift measure that has moved."""

    measure: str
    severity: str
    since: str = Field(description="First shard of the run of deviating shards.")
    shards: int
    message: str


class Drift(_Contents):
    """How the latest shards compare with the earlier ones."""

    findings: tuple[Finding, ...] = ()
    measures: int = Field(default=0, description="Measures that could be judged.")
    not_judged: str | None = Field(default=None, description="Why nothing could be judged.")


class Open(_Contents):
    """Shards that wait at the same stage for the same reason."""

    stage: str = Field(description="The first stage that is not done.")
    state: str = Field(description="stale or missing.")
    reason: str
    shards: int
    examples: tuple[str, ...] = Field(description="Some of them.")


class Progress(_Contents):
    """How far the shards are."""

    done: int = Field(default=0, description="Shards of which every stage is done and current.")
    waiting: tuple[Open, ...] = Field(default=(), description="The others, most first.")
    not_looked_at: int = Field(
        default=0,
        description="Shards that have every file, but whose files were not opened this time: whether one is stale is "
        "unknown.",
    )


class Failure(_Contents):
    """A shard whose latest attempt did not succeed."""

    shard: str
    stage: str
    started_at: datetime
    error: str | None = Field(description="Null where it has not ended: it runs, or it was killed.")


class Cost(_Contents):
    """What attempts have cost together; those that failed or were killed count."""

    attempts: int = 0
    failed: int = 0
    unfinished: int = 0
    device_hours: float = 0.0
    flops: float = Field(default=0.0, description="Floating-point operations, as far as they are known.")
    failed_flops: float = Field(default=0.0, description="Those of attempts that did not succeed.")
    unknown: int = Field(default=0, description="Attempts whose operations nobody knows.")
    prompt_tokens: int = 0
    generated_tokens: int = 0
    training_tokens: int = 0


class Point(_Contents):
    """Some measurements in a row."""

    start: datetime
    end: datetime
    shards: int
    documents_in: int
    characters_in: int
    characters_out: int

    @property
    def retention(self) -> float | None:
        """Characters out per character in."""
        return self.characters_out / self.characters_in if self.characters_in else None


class Day(_Contents):
    """What was measured of a corpus on a day, in UTC."""

    day: date
    shards: int
    documents_in: int
    characters_in: int
    characters_out: int


class Totals(_Contents):
    """Sums over the latest measurement of each shard."""

    shards: int = Field(description="Measured shards.")
    documents_in: int
    documents_out: int
    outcomes: dict[str, int]
    rows_rejected: int
    characters_in: int
    characters_out: int
    tokens_in: int | None = Field(description="With the refiner's tokenizer; null if any shard has no count.")
    tokens_out: int | None
    retention: float | None = Field(description="Characters out per character in.")
    drop_rate: float | None = Field(description="Share of documents dropped at either level.")


class CorpusOverview(_Contents):
    """A corpus."""

    corpus: str
    shards: int = Field(description="Shards that the lake knows.")
    gone: int = Field(default=0, description="Of these, shards whose file has left the source.")
    totals: Totals | None = Field(default=None, description="Null if nothing is measured, or cannot be read.")
    refiners: tuple[Refiners, ...] = Field(default=(), description="Most recently used first.")
    last_measured: datetime | None = None
    last_run: str | None = Field(default=None, description="The run that measured last.")
    progress: Progress = Progress()
    drift: Drift = Drift()
    open_alerts: int | None = Field(default=None, description="Incidents that are not over; null without alerts.")
    cost: Cost = Cost()
    failures: tuple[Failure, ...] = Field(default=(), description="Newest first.")
    judgements: dict[str, int] = Field(default_factory=dict, description="Judged documents by judgement.")
    exports: int = Field(default=0, description="Token files and folders that were made from it.")
    trend: tuple[Point, ...] = Field(default=(), description="All measurements in order, neighbours put together.")
    days: tuple[Day, ...] = ()
    has_report: bool = Field(default=False, description="Whether the lake has its report.")
    problems: tuple[str, ...] = Field(default=(), description="What of it cannot be read.")

    @property
    def notices(self) -> Iterator[Notice]:
        """What somebody should look at, the worst first."""
        for problem in self.problems:
            yield Notice(level=Level.ERROR, corpus=self.corpus, text=problem)
        for finding in self.drift.findings:
            level = Level.ERROR if finding.severity == "error" else Level.WARN
            name = finding.measure.replace("_", " ")
            yield Notice(level=level, corpus=self.corpus, text=f"drift of {name}: {finding.message}")
        failed = [failure for failure in self.failures if failure.error is not None]
        if failed:
            first = failed[0]
            text = (
                f"the last attempt at {_shards(len({failure.shard for failure in failed}))} failed; "
                f"{first.stage} of {printable(first.shard)}: {first.error}"
            )
            yield Notice(level=Level.ERROR, corpus=self.corpus, text=text)
        for waiting in self.progress.waiting:
            more = ", …" if waiting.shards > NAMED else ""
            names = ", ".join(map(printable, waiting.examples[:NAMED]))
            word = "unfinished" if waiting.state == "missing" else waiting.state
            text = f"{_shards(waiting.shards)} {word}, {waiting.stage}: {waiting.reason} ({names}{more})"
            yield Notice(level=Level.WARN, corpus=self.corpus, text=text)
        if self.open_alerts:
            text = f"{self.open_alerts} alerts are open" if self.open_alerts > 1 else "an alert is open"
            yield Notice(level=Level.WARN, corpus=self.corpus, text=text)
        if self.gone:
            text = f"the source no longer has {_shards(self.gone)}; the results stay until `prox withdraw-shard`"
            yield Notice(level=Level.FINE, corpus=self.corpus, text=text)

    @property
    def level(self) -> Level:
        """The level of its worst notice."""
        return min((notice.level for notice in self.notices), key=[*Level].index, default=Level.FINE)

    @property
    def unfinished(self) -> int:
        """Attempts that have begun and not ended, of shards whose latest attempt it is."""
        return sum(failure.error is None for failure in self.failures)


class ReplicaOverview(_Contents):
    """A copy elsewhere."""

    where: str
    revision: str
    uploaded_at: datetime
    withdrawals_since: int = Field(description="Withdrawals since then, which it may still hold.")


class ExportOverview(_Contents):
    """Something that was written from the lake for others."""

    kind: str
    name: str
    url: str
    corpora: tuple[str, ...]
    written_at: datetime
    complete: bool | None = Field(description="Whether it has its manifest; null where its folder does not answer.")
    documents: int | None = Field(description="As the manifest of token files says; null for others.")
    tokens: int | None
    replicas: tuple[ReplicaOverview, ...]


class Withdrawals(_Contents):
    """Which documents must not be in the lake."""

    by: dict[str, int] = Field(default_factory=dict, description="How many name an address, a domain, and so on.")
    last_requested: datetime | None = None

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.by.values())


class ProofOverview(_Contents):
    """A proof: does refining help?"""

    proof: str
    arms: int
    models: int = Field(description="Finished models.")
    verdicts: dict[str, int] = Field(description="Contrasts that were named before the run, by verdict.")
    sentences: tuple[str, ...] = Field(description="These verdicts in words.")
    cost: Cost


class LakeOverview(_Contents):
    """A lake."""

    lake: str
    written: datetime = Field(description="In UTC.")
    version: str = Field(description="Version of prox_assets.")
    corpora: tuple[CorpusOverview, ...]
    exports: tuple[ExportOverview, ...] = ()
    withdrawals: Withdrawals = Withdrawals()
    proofs: tuple[ProofOverview, ...] = ()
    problems: tuple[str, ...] = Field(default=(), description="What of the lake cannot be read, corpora aside.")

    @property
    def notices(self) -> list[Notice]:
        """What somebody should look at, the worst first."""
        found = [Notice(level=Level.ERROR, corpus=None, text=problem) for problem in self.problems]
        found += [notice for corpus in self.corpora for notice in corpus.notices]
        for export in self.exports:
            what = f"{export.kind} {export.name} ({export.url})"
            if export.complete is False:
                text = f"{what} has no manifest: writing it has not finished, or its folder is gone"
                found.append(Notice(level=Level.WARN, corpus=None, text=text))
            elif export.complete is None:
                found.append(Notice(level=Level.WARN, corpus=None, text=f"{what} cannot be looked at"))
            for replica in export.replicas:
                if replica.withdrawals_since:
                    count = replica.withdrawals_since
                    what = "a withdrawal was made" if count == 1 else f"{count} withdrawals were made"
                    text = f"{what} since {replica.where} was uploaded, and it may hold the documents"
                    found.append(Notice(level=Level.WARN, corpus=None, text=text))
        return sorted(found, key=lambda notice: [*Level].index(notice.level))

    @property
    def level(self) -> Level:
        """The level of the worst notice."""
        return min((notice.level for notice in self.notices), key=[*Level].index, default=Level.FINE)


def _shards(count: int) -> str:
    return f"{count:,} shard" if count == 1 else f"{count:,} shards"
