"""What an overview says about a corpus's measurements and shards; compacted tables answer it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prox_assets.catalog.connection import read_once
from prox_assets.catalog.queries.counts import COUNTED_COLUMNS, totals
from prox_assets.catalog.queries.metrics_history import configurations
from prox_assets.lake.records.proofs import ProofTable
from prox_assets.lake.schemas import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

POINTS = 24
"""Points of a trend: neighbouring measurements are put together until there are no more."""

HISTORY_TABLES = (Table.SHARD_METRICS_HISTORY, Table.POLICIES)
HISTORY_COLUMNS = (
    *(name for name in COUNTED_COLUMNS if name != "operations"),
    *("execution_fingerprint", "execution_id", "code_version", "run_id", "refiners", "configuration"),
)


@dataclass(frozen=True)
class MeasuredHistory:
    """All measurements of a corpus in short.

    Attributes:
        last_measured: When, in UTC; None if nothing is measured.
        last_run: The run that measured last.
        configurations: Rows of `metrics_history.configurations`, each with its `policy` as JSON, or null.
        trend: start, end, shards, documents_in, characters_in, characters_out of measurements in a row; at most POINTS.
        days: Rows of `counts.totals` by day.
    """

    last_measured: datetime | None
    last_run: str | None
    configurations: list[dict[str, Any]]
    trend: list[dict[str, Any]]
    days: list[dict[str, Any]]


def history_of(con: "DuckDBPyConnection") -> MeasuredHistory:
    """Return a corpus's measurements; the views of HISTORY_TABLES need only HISTORY_COLUMNS."""
    read_once(con, Table.SHARD_METRICS_HISTORY)
    last = "SELECT max(measured_at), arg_max(run_id, measured_at) FROM shard_metrics_history"
    [(last_measured, last_run)] = con.sql(last).fetchall()
    policies = dict(
        con.sql("""
            SELECT execution_fingerprint, CAST(any_value(json_extract(configuration, '$.policy')) AS VARCHAR)
            FROM policies GROUP BY ALL
        """).fetchall()
    )
    trend = con.sql(f"""
        WITH placed AS (
            SELECT *, row_number() OVER (ORDER BY measured_at, shard) - 1 AS place, count(*) OVER () AS measurements
            FROM shard_metrics_history
        )
        SELECT min(measured_at) AS start, max(measured_at) AS "end", count(*) AS shards,
            {", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in _SUMMED)}
        FROM placed GROUP BY place * least({POINTS}, measurements) // measurements ORDER BY start
    """)
    used = configurations(con).to_dicts()
    return MeasuredHistory(
        last_measured,
        last_run,
        [{**row, "policy": policies.get(row["execution_fingerprint"])} for row in used],
        trend.pl().to_dicts(),
        totals(con, "day").to_dicts(),
    )


_SUMMED = ("documents_in", "characters_in", "characters_out")

SHARD_COLUMNS = ("shard", "bytes", "etag", "gone_since")


def listed_versions(con: "DuckDBPyConnection") -> list[tuple[str, int | None, str | None, datetime | None]]:
    """Return shard, bytes, etag and gone_since of each shard; the view `shards` needs only SHARD_COLUMNS."""
    return con.sql(f"SELECT {', '.join(SHARD_COLUMNS)} FROM shards ORDER BY shard").fetchall()


PROOF_TABLES = (ProofTable.ARMS, ProofTable.SCORES, ProofTable.CONTRASTS)


def proof_verdicts(con: "DuckDBPyConnection") -> list[dict[str, Any]]:
    """Return each proof with its arms, finished models, and what it says of contrasts that were named before the run.

    Returns:
        proof, arms, models, verdicts (one per such contrast), sentences (the same in words).
    """
    query = """
        SELECT proof, coalesce(arms, 0) AS arms, coalesce(models, 0) AS models,
            coalesce(verdicts, []) AS verdicts, coalesce(sentences, []) AS sentences
        FROM (SELECT proof, count(*) AS arms FROM proof_arms GROUP BY ALL)
        FULL JOIN (
            SELECT proof, count(DISTINCT (arm, model, budget, seed)) AS models FROM proof_scores GROUP BY ALL
        ) USING (proof)
        FULL JOIN (
            SELECT proof, list(verdict) AS verdicts, list(sentence) AS sentences
            FROM proof_contrasts WHERE "primary" GROUP BY ALL
        ) USING (proof)
        ORDER BY proof
    """
    return con.sql(query).pl().to_dicts()
