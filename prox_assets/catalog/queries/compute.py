"""What refining and training have cost. The view `compute` shows the latest row of each attempt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prox_assets.catalog.connection import ask_catalog, damage_named
from prox_assets.lake.lake import Lake
from prox_assets.lake.resume import costs_so_far
from prox_assets.lake.schemas import Table

if TYPE_CHECKING:
    import polars as pl

_LEDGERS = {str(table): table for table in (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS)}


def attempts(lake: Lake, corpora: Sequence[str], only: Collection[str] | None = None) -> "pl.DataFrame":
    """Return the rows of `compute`, one per attempt, in order of their beginning.

    Attempts that have not ended have the tokens and the engine seconds of their finished windows, which the resume
    ledger knows.

    Args:
        lake: The lake.
        corpora: Corpora of the lake that are read; trainings of proofs and refiner labs always are.
        only: Names of corpora, proofs and labs whose rows are returned; all by default.

    Raises:
        LakeError: A file is damaged; the message names it.
    """
    import polars as pl

    with damage_named(lake, corpora, [Table.COMPUTE]):
        query = "FROM compute ORDER BY started_at, attempt"
        rows = ask_catalog(lake, lambda con: con.sql(query).pl(), corpora, [Table.COMPUTE])
    if only is not None:
        rows = rows.filter(pl.col("corpus").is_in(list(only)))
    open_ones = rows.filter(pl.col("succeeded").is_null() & pl.col("stage").is_in(list(_LEDGERS)))
    places = open_ones.select("corpus", "stage", "shard").unique().rows()
    known = [
        (name, cost.seconds, cost.prompt_tokens, cost.generated_tokens)
        for corpus, stage, shard in places
        for name, cost in costs_so_far(lake, corpus, _LEDGERS[stage], shard).items()
    ]
    columns = {"attempt": pl.String, "engine": pl.Float64, "prompt": pl.Int64, "generated": pl.Int64}
    spent = pl.DataFrame(known, columns, orient="row")
    is_open = pl.col("succeeded").is_null() & pl.col("prompt").is_not_null()
    tokens = 2 * pl.col("parameters_without_embeddings") * (pl.col("prompt") + pl.col("generated"))
    return (
        rows.join(spent, "attempt", "left", maintain_order="left")
        .with_columns(
            pl.when(is_open).then(new).otherwise(pl.col(old)).alias(old)
            for old, new in (
                ("flops", tokens.cast(pl.Float64)),
                ("engine_seconds", pl.col("engine")),
                ("seconds", pl.col("engine")),
                ("prompt_tokens", pl.col("prompt")),
                ("generated_tokens", pl.col("generated")),
            )
        )
        .drop("engine", "prompt", "generated")
    )


def by_stage(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Return what each stage has cost.

    Args:
        rows: As `attempts` returns them.

    Returns:
        corpus, stage, model, device, attempts, failed, unfinished, parameters_without_embeddings, prompt_tokens,
        generated_tokens, training_tokens, device_seconds (wall time times devices), engine_seconds, flops (null if an
        attempt's is unknown), failed_flops (those of attempts that did not succeed); in order of their beginning.
    """
    import polars as pl

    failed = ~pl.col("succeeded").fill_null(value=False)
    keys = ("corpus", "stage", "model", "parameters_without_embeddings", "device")
    sums = ("prompt_tokens", "generated_tokens", "training_tokens", "device_seconds", "engine_seconds")
    return (
        rows.with_columns((pl.col("seconds") * pl.col("devices")).alias("device_seconds"))
        .group_by(keys, maintain_order=True)
        .agg(
            pl.len().alias("attempts"),
            pl.col("succeeded").not_().sum().alias("failed"),  # null, which has not ended, is neither
            pl.col("succeeded").is_null().sum().alias("unfinished"),
            *(pl.col(name).sum() for name in sums),
            pl.when(pl.col("flops").is_not_null().all()).then(pl.col("flops").sum()).alias("flops"),
            pl.col("flops").filter(failed).sum().alias("failed_flops"),
        )
        .sort("corpus", maintain_order=True)
    )


@dataclass(frozen=True)
class Spent:
    """What some attempts have cost together.

    Attributes:
        attempts: How many.
        failed: How many failed or were killed.
        unfinished: How many have not ended.
        flops: Operations, as far as they are known.
        failed_flops: Operations of those that did not succeed.
        unknown: How many have an unknown number of operations.
        device_hours: Wall time times devices, in hours.
        prompt_tokens: Tokens that models were shown.
        generated_tokens: Tokens that they generated.
        training_tokens: Tokens that they were trained on.
    """

    attempts: int
    failed: int
    unfinished: int
    flops: float
    failed_flops: float
    unknown: int
    device_hours: float
    prompt_tokens: int
    generated_tokens: int
    training_tokens: int


def cost_of(rows: "pl.DataFrame") -> Spent:
    """Return what attempts have cost together, given rows as `attempts` returns them."""
    return Spent(
        attempts=len(rows),
        failed=int(rows["succeeded"].not_().sum()),
        unfinished=rows["succeeded"].null_count(),
        flops=float(rows["flops"].sum()),
        failed_flops=float(rows.filter(~rows["succeeded"].fill_null(value=False))["flops"].sum()),
        unknown=rows["flops"].null_count(),
        device_hours=float((rows["seconds"] * rows["devices"]).sum()) / 3600,
        prompt_tokens=int(rows["prompt_tokens"].sum()),
        generated_tokens=int(rows["generated_tokens"].sum()),
        training_tokens=int(rows["training_tokens"].sum()),
    )
