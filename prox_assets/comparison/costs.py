"""What inference cost, from the lake's table `compute`, per 10^9 tokens of raw text."""

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from prox_assets.catalog.queries.compute import attempts
from prox_assets.comparison.contents import RefinerCost
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.machine.processor import threads_of


def refiner_costs(
    lake: Lake,
    corpora: Sequence[str],
    shards: Collection[str],
    characters: Mapping[str, int],
    tokens_per_character: float | None,
) -> list[RefinerCost]:
    """Return what inference on some shards cost in each corpus, failed and killed attempts counted.

    Args:
        lake: The lake.
        corpora: The corpora.
        shards: Their shards.
        characters: Characters of the raw text of these shards, by corpus.
        tokens_per_character: Of that text; None if unknown.

    Raises:
        LakeError: A file of the table is damaged.
    """
    rows = attempts(lake, corpora, corpora)
    rows = rows.filter(pl.col("shard").is_in([*shards]) & pl.col("refiner").is_not_null())
    return [
        _cost(corpus, rows.filter(pl.col("corpus") == corpus), characters[corpus], tokens_per_character)
        for corpus in corpora
    ]


_LEVELS = (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS)


def refined_with(lake: Lake, corpus: str) -> tuple[tuple[str, ...], RefinerCost]:
    """Return the names of the refiners whose programs a corpus has, and what inference on it cost in all.

    A shard is asked for each refiner that ever worked on the corpus, so programs of no record have no name here.

    Raises:
        LakeError: A file of the table is damaged.
    """
    rows = attempts(lake, [corpus], [corpus]).filter(pl.col("refiner").is_not_null())
    latest = rows.filter(pl.col("stage").is_in([*_LEVELS])).unique(["stage", "refiner"], keep="last")
    infos = [lake.info(corpus, Table(stage), shard) for stage, shard in latest.select("stage", "shard").iter_rows()]
    names = {(info.notes.get("refiner") or {}).get("name") for info in infos if info is not None}
    return tuple(sorted(name for name in names if name)), _cost(corpus, rows, 0, None)


def _cost(corpus: str, rows: pl.DataFrame, characters: int, tokens_per_character: float | None) -> RefinerCost:
    # Loading a model does not depend on the text, so it is left out. Rows without the engine's own time count whole.
    engine = pl.coalesce("engine_seconds", "seconds", pl.lit(0.0))
    gpu = core = 0.0
    for device, count, seconds in rows.select("device", "devices", engine).iter_rows():
        threads = threads_of(device or "")
        if threads is None:
            gpu += seconds * count / 3600
        else:
            core += seconds * threads / 3600
    return RefinerCost(
        corpus=corpus,
        attempts=len(rows),
        failed=int(rows["succeeded"].not_().sum()),
        unfinished=rows["succeeded"].null_count(),
        seconds=float(rows["seconds"].sum()),
        engine_seconds=float(rows.select(engine.sum()).item()),
        prompt_tokens=int(rows["prompt_tokens"].sum()),
        generated_tokens=int(rows["generated_tokens"].sum()),
        flops=None if rows["flops"].null_count() else float(rows["flops"].sum()),
        devices=tuple(sorted(rows["device"].drop_nulls().unique())),
        gpu_hours=gpu,
        core_hours=core,
        raw_tokens=None if tokens_per_character is None else characters * tokens_per_character,
        raw_characters=characters,
    )


def counted_tokens_per_character(lake: Lake, corpora: Sequence[str], shards: Sequence[str]) -> float | None:
    """Return tokens per character of raw text as measured with the first corpus's refiner that has a tokenizer.

    Raises:
        LakeError: A file of the metrics is damaged.
    """
    columns = ["tokens_in", "characters_in"]
    for corpus in corpora:
        rows = [row for shard in shards for row in lake.rows(corpus, Table.SHARD_METRICS, shard, columns)]
        characters = sum(row["characters_in"] for row in rows)
        if characters and all(row["tokens_in"] is not None for row in rows):
            return sum(row["tokens_in"] for row in rows) / characters
    return None
