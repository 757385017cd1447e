"""The scores of all models of a proof, summed by site: arms are compared on the same texts or not at all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.results import TrainedModel, read_result
from prox_assets.proof.runs import ModelRun, runs_of
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.tables import SCORES

LOWER_IS_BETTER = frozenset({"bits_per_byte"})
"""Measures of which less is better; of all others, more is."""


class ScoresError(ProofError):
    """Scores that cannot be compared; the message names the file and the remedy."""


@dataclass(frozen=True)
class Cell:
    """What the models of one size and budget scored on one evaluation set, by one measure, when they were finished.

    Attributes:
        model: Name of the model.
        budget: What is equal between arms.
        evaluation: Name of the evaluation set.
        measure: Name of the measure.
        sites: Sites of the evaluation set, J of them.
        items: Number of texts or questions.
        weights: What sums of values are divided by, shape (J,).
        sums: Sums of values by arm and seed, each of shape (J,).
    """

    model: str
    budget: str
    evaluation: str
    measure: str
    sites: tuple[str, ...]
    items: int
    weights: np.ndarray
    sums: dict[str, dict[int, np.ndarray]]

    @property
    def sign(self) -> float:
        """-1 where less is better, so that a gain is always positive."""
        return -1.0 if self.measure in LOWER_IS_BETTER else 1.0

    def score(self, arm: str, seeds: tuple[int, ...] | None = None) -> float:
        """Return an arm's score, the mean over seeds."""
        rows = self.sums[arm]
        return float(np.mean([rows[seed].sum() / self.weights.sum() for seed in seeds or rows]))

    def shared_seeds(self, *arms: str) -> tuple[int, ...]:
        """Return the seeds that all of these arms have."""
        return tuple(sorted(set.intersection(*(set(self.sums.get(arm, ())) for arm in arms))))


@dataclass(frozen=True)
class Scores:
    """The scores of a proof.

    Attributes:
        results: What each finished and scored model says about itself.
        missing: Models that are not trained or not scored.
        cells: The scores of finished models.
        curves: A row for each model, evaluation set, measure and number of training tokens, in this order: arm, model,
            budget, seed, evaluation, measure, tokens, score, items, sites.
    """

    results: dict[ModelRun, TrainedModel]
    missing: tuple[ModelRun, ...]
    cells: tuple[Cell, ...]
    curves: pl.DataFrame


def read_scores(settings: ProofSettings, folder: ProofFolder) -> Scores:
    """Read the scores of all models that are trained and scored, one model after another.

    Of finished models, sums by site are kept, and of the points of learning curves before that, one number each. A
    model with a score that is no number has diverged: it counts as one that has not learned, and its scores are left
    out.

    Raises:
        ScoresError: A file is damaged, lacks a column, or scores an item twice, or two models of one size and budget
            were scored on different texts.
    """
    results: dict[ModelRun, TrainedModel] = {}
    missing: list[ModelRun] = []
    curves: list[pl.DataFrame] = []
    cells: dict[tuple[str, ...], _OpenCell] = {}
    for run in runs_of(settings):
        path = folder.scores(run)
        result = read_result(folder.model(run))
        if result is None or not path.is_file():
            missing.append(run)
            continue
        rows = _read(path)
        if rows["value"].is_finite().all():
            curves.append(_curve(rows, run))
            for finished in _finished(rows):
                key = (run.model, run.budget, finished["evaluation"][0], finished["measure"][0])
                cells.setdefault(key, _OpenCell(run, finished)).add(run, finished)
        else:
            result = result.model_copy(update={"learned": False})
        results[run] = result
    return Scores(
        results,
        tuple(missing),
        tuple(cell.close(*key) for key, cell in cells.items()),
        pl.concat(curves) if curves else _curve(pl.DataFrame(schema=pl.Schema(SCORES)), next(runs_of(settings))),
    )


class _OpenCell:
    """A cell while models are read: the first one says what all others must be scored on."""

    def __init__(self, first: ModelRun, rows: pl.DataFrame) -> None:
        self._first = first
        self._texts = rows.select("site", "items", "texts")
        self._weights = rows["weight"].to_numpy()
        self._sums: dict[str, dict[int, np.ndarray]] = {}

    def add(self, run: ModelRun, rows: pl.DataFrame) -> None:
        same = rows.select("site", "items", "texts").equals(self._texts)
        if not same or not np.allclose(rows["weight"].to_numpy(), self._weights):
            raise ScoresError(
                f"{run.arm}/{run.variant} was not scored on the same texts of {rows['evaluation'][0]} "
                f"({rows['measure'][0]}) as {self._first.arm}/{self._first.variant}; score both again"
            )
        self._sums.setdefault(run.arm, {})[run.seed] = rows["value"].to_numpy()

    def close(self, model: str, budget: str, evaluation: str, measure: str) -> Cell:
        sites, items = tuple(self._texts["site"]), int(self._texts["items"].sum())
        return Cell(model, budget, evaluation, measure, sites, items, self._weights, self._sums)


def _finished(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the scores of a finished model by site, a frame for each evaluation set and measure.

    Columns: evaluation, measure, site, value, weight (sums), items, texts (a hash of the items); in order of sites.
    """
    last = rows.filter(pl.col("tokens") == pl.col("tokens").max().over("evaluation", "measure"))
    by_site = last.group_by("evaluation", "measure", "site", maintain_order=True).agg(
        pl.col("value").sum(),
        pl.col("weight").sum(),
        pl.len().cast(pl.Int64).alias("items"),
        pl.col("item").sort().str.join("\0").hash().alias("texts"),
    )
    return [part.sort("site") for part in by_site.partition_by("evaluation", "measure", maintain_order=True)]


def _curve(rows: pl.DataFrame, run: ModelRun) -> pl.DataFrame:
    return (
        rows.group_by("evaluation", "measure", "tokens", maintain_order=True)
        .agg(
            (pl.col("value").sum() / pl.col("weight").sum()).alias("score"),
            pl.len().cast(pl.Int64).alias("items"),
            pl.col("site").n_unique().cast(pl.Int64).alias("sites"),
        )
        .sort("evaluation", "measure", "tokens", maintain_order=True)
        .select(
            pl.lit(run.arm).alias("arm"),
            pl.lit(run.model).alias("model"),
            pl.lit(run.budget).alias("budget"),
            pl.lit(run.seed, pl.Int64).alias("seed"),
            "evaluation",
            "measure",
            "tokens",
            "score",
            "items",
            "sites",
        )
    )


def _read(path: Path) -> pl.DataFrame:
    try:
        rows = pl.read_parquet(path, columns=SCORES.names)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ScoresError(f"{path} cannot be read ({error}); delete it, and score the model again") from error
    twice = rows.filter(pl.struct("item", "evaluation", "measure", "tokens").is_duplicated())
    if not twice.is_empty():
        row = twice.row(0, named=True)
        raise ScoresError(
            f"{path} scores the item {row['item']} of {row['evaluation']} ({row['measure']}) twice after "
            f"{row['tokens']:,} tokens; delete it, and score the model again"
        )
    wrong = rows.filter(~(pl.col("weight") > 0) | pl.col("weight").is_infinite())
    if not wrong.is_empty():
        row = wrong.row(0, named=True)
        raise ScoresError(
            f"{path} has the weight {row['weight']} for the item {row['item']} of {row['evaluation']}; a weight is "
            "positive. Leave out texts without a byte, and score the model again"
        )
    return rows
