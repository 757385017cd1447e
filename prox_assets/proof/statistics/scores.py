"""The scores of all models of a proof, summed by site: arms are compared on the same texts or not at all."""

from collections.abc import Iterator
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

_KEY = ("evaluation", "measure", "tokens")


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
        by_site: A row for each model, evaluation set, measure, point of the learning curve and site: the columns of a
            run, those of `_KEY`, and site, value, weight (sums), items, texts (a hash of the items).
    """

    results: dict[ModelRun, TrainedModel]
    missing: tuple[ModelRun, ...]
    by_site: pl.DataFrame

    def cells(self) -> Iterator[Cell]:
        """Yield the scores of finished models, a cell for each size, budget, evaluation set and measure.

        Raises:
            ScoresError: Two models of a cell were scored on different texts.
        """
        if self.by_site.is_empty():
            return
        finished = self.by_site.filter(
            pl.col("tokens") == pl.col("tokens").max().over("arm", "model", "budget", "seed", "evaluation", "measure")
        )
        groups = ("model", "budget", "evaluation", "measure")
        for rows in finished.partition_by(groups, maintain_order=True):
            model, budget, evaluation, measure = (rows[name][0] for name in groups)
            runs = rows.partition_by("arm", "seed", maintain_order=True)
            first = runs[0].sort("site")
            sums: dict[str, dict[int, np.ndarray]] = {}
            for run in runs:
                found = run.sort("site")
                arm, seed = found["arm"][0], found["seed"][0]
                if not found.select("site", "items", "texts").equals(first.select("site", "items", "texts")) or not (
                    np.allclose(found["weight"], first["weight"])
                ):
                    raise ScoresError(
                        f"{arm}/{model}-{budget}-{seed} was not scored on the same texts of {evaluation} ({measure}) "
                        f"as {first['arm'][0]}/{model}-{budget}-{first['seed'][0]}; score both again"
                    )
                sums.setdefault(arm, {})[seed] = found["value"].to_numpy()
            yield Cell(
                model,
                budget,
                evaluation,
                measure,
                tuple(first["site"]),
                int(first["items"].sum()),
                first["weight"].to_numpy(),
                sums,
            )

    def curves(self) -> pl.DataFrame:
        """Return learning curves: a row for each model run, evaluation set, measure and number of tokens.

        Columns: arm, model, budget, seed, evaluation, measure, tokens, score, items, sites.
        """
        run = ("arm", "model", "budget", "seed", *_KEY)
        return (
            self.by_site.group_by(run, maintain_order=True)
            .agg(
                (pl.col("value").sum() / pl.col("weight").sum()).alias("score"),
                pl.col("items").sum(),
                pl.len().cast(pl.Int64).alias("sites"),
            )
            .sort(run)
        )


def read_scores(settings: ProofSettings, folder: ProofFolder) -> Scores:
    """Read the scores of all models that are trained and scored.

    A model with a score that is no number has diverged: it counts as one that has not learned, and its scores are left
    out.

    Raises:
        ScoresError: A file is damaged, lacks a column, or scores an item twice.
    """
    results: dict[ModelRun, TrainedModel] = {}
    missing: list[ModelRun] = []
    frames: list[pl.DataFrame] = []
    for run in runs_of(settings):
        path = folder.scores(run)
        result = read_result(folder.model(run))
        if result is None or not path.is_file():
            missing.append(run)
            continue
        rows = _read(path)
        if rows["value"].is_finite().all():
            frames.append(_by_site(rows, run))
        else:
            result = result.model_copy(update={"learned": False})
        results[run] = result
    return Scores(results, tuple(missing), pl.concat(frames) if frames else _by_site(_none(), next(runs_of(settings))))


def _read(path: Path) -> pl.DataFrame:
    try:
        rows = pl.read_parquet(path, columns=SCORES.names)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ScoresError(f"{path} cannot be read ({error}); delete it, and score the model again") from error
    twice = rows.filter(pl.struct("item", *_KEY).is_duplicated())
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


def _by_site(rows: pl.DataFrame, run: ModelRun) -> pl.DataFrame:
    return rows.group_by(*_KEY, "site", maintain_order=True).agg(
        pl.lit(run.arm).alias("arm"),
        pl.lit(run.model).alias("model"),
        pl.lit(run.budget).alias("budget"),
        pl.lit(run.seed, pl.Int64).alias("seed"),
        pl.col("value").sum(),
        pl.col("weight").sum(),
        pl.len().cast(pl.Int64).alias("items"),
        pl.col("item").sort().str.join("\0").hash().alias("texts"),
    )


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=pl.Schema(SCORES))
