"""What the report of a proof says, as data: arms, scores, costs, findings, and what cannot be concluded."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from prox_assets import __version__
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import ProofSettings, RandomArm, RefinedArm
from prox_assets.proof.statistics.break_even import RefiningCost
from prox_assets.proof.statistics.findings import Findings, Verdict
from prox_assets.proof.statistics.judge import judge
from prox_assets.proof.statistics.scores import Scores, ScoresError, read_scores

MANY_EPOCHS = 4.0


class _Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArmText(_Contents):
    """What an arm is made of: a row of the lake's table proof_arms; lake/records/proofs.py describes its columns."""

    arm: str
    kind: str
    documents: int
    documents_kept: int
    characters: int
    share_kept: float


class Score(_Contents):
    """A model's score at one point of its learning curve, and what the finished model was trained on.

    A row of the lake's table proof_scores, whose schema (lake/records/proofs.py) describes it.
    """

    arm: str
    model: str
    budget: str
    seed: int
    evaluation: str
    measure: str
    tokens: int
    score: float
    items: int
    sites: int
    unique_tokens: int
    epochs: float
    documents: int
    parameters: int
    parameters_without_embeddings: int
    flops: float
    seconds: float
    device: str
    learned: bool | None


class TrainingCost(_Contents):
    """What training all models of one size and budget took."""

    model: str = Field(description="Name of the model.")
    budget: str = Field(description="What is equal between arms.")
    models: int = Field(description="Models that were trained.")
    parameters: int = Field(description="Parameters of the largest; for n-gram models, counts that are stored.")
    tokens: int = Field(description="Tokens that they were trained on, together.")
    seconds: float = Field(description="Wall time, in seconds, together.")
    flops: float = Field(description="FLOPs, together; 0 for n-gram models.")
    devices: tuple[str, ...] = Field(description="Devices they were trained on.")


class ProofContents(_Contents):
    """Everything that the report says."""

    name: str = Field(description="Name of the proof.")
    written: datetime = Field(description="When the report was written, in UTC.")
    version: str = Field(description="Version of prox_assets.")
    settings: ProofSettings = Field(description="Settings of the proof.")
    arms: tuple[ArmText, ...] = Field(description="What the arms are made of.")
    findings: Findings = Field(description="What the statistics say.")
    limits: tuple[str, ...] = Field(description="What cannot be concluded, and why.")
    costs: tuple[TrainingCost, ...] = Field(description="What training took.")
    refining: dict[str, RefiningCost] = Field(description="What refining took, by arm.")
    scores: tuple[Score, ...] = Field(description="All scores.")

    @property
    def markdown(self) -> str:
        """The verdicts on contrasts that were named before the run, as a list."""
        return "\n".join(f"- {found.sentence}" for found in self.findings.primary) or "No contrast was named."

    @property
    def numbers(self) -> dict[str, float | int]:
        """Numbers to plot from report to report: verdicts by kind, gains, and what training took."""
        primary = self.findings.primary
        verdicts = {name: sum(found.verdict == name for found in primary) for name in get_args(Verdict)}
        gains = {
            f"gain of {found.arm} over {found.against} ({found.model}, {found.evaluation})": found.gain
            for found in primary
            if found.gain is not None
        }
        return {
            **{f"contrasts {name}": count for name, count in verdicts.items() if name != "none"},
            "contrasts without verdict": verdicts["none"],
            **gains,
            "models": sum(cost.models for cost in self.costs),
            "training seconds": sum(cost.seconds for cost in self.costs),
            "training FLOPs": sum(cost.flops for cost in self.costs),
        }


def contents_of(
    settings: ProofSettings,
    folder: ProofFolder,
    refining: Mapping[str, RefiningCost] | None = None,
    notes: Sequence[str] = (),
) -> ProofContents:
    """Return what the report says.

    Args:
        settings: Settings of the proof.
        folder: Its files.
        refining: What refining cost, by arm.
        notes: Further things that cannot be concluded, which only the caller knows: a refiner that was trained on these
            pages, for instance.

    Raises:
        ScoresError: A file is damaged, or models were scored on different texts.
    """
    scores = read_scores(settings, folder)
    findings = judge(settings, scores, refining)
    return ProofContents(
        name=settings.name,
        written=datetime.now(UTC),
        version=__version__,
        settings=settings,
        arms=tuple(_arms(settings, folder)),
        findings=findings,
        limits=(*notes, *_limits(settings, scores, findings)),
        costs=tuple(_costs(settings, scores)),
        refining=dict(refining or {}),
        scores=tuple(_scores(scores)),
    )


def _arms(settings: ProofSettings, folder: ProofFolder) -> Iterator[ArmText]:
    """Yield what the arms are made of; those that are not made yet are left out."""
    if not folder.documents().is_file():
        return
    documents = _table(folder.documents(), ["position", "held_out", "characters"]).filter(~pl.col("held_out"))
    for arm in settings.arms:
        if not folder.arm(arm.name).is_file():
            continue
        rows = _table(folder.arm(arm.name), ["position", "kept", "characters"])
        raw = int(documents.join(rows.select("position"), on="position", how="semi")["characters"].sum())
        characters = int(rows["characters"].sum())
        yield ArmText(
            arm=arm.name,
            kind=arm.kind,
            documents=len(rows),
            documents_kept=int(rows["kept"].sum()),
            characters=characters,
            share_kept=characters / raw if raw else 0.0,
        )


def _table(path: Path, columns: list[str]) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ScoresError(f"{path} cannot be read ({error}); make the arms again") from error


def _scores(scores: Scores) -> Iterator[Score]:
    for row in scores.curves.to_dicts():
        result = scores.results[ModelRun(row["arm"], row["model"], row["budget"], row["seed"])]
        yield Score(
            **row,
            **result.model_dump(
                include={
                    *("unique_tokens", "epochs", "documents", "parameters", "parameters_without_embeddings"),
                    *("flops", "seconds", "device", "learned"),
                }
            ),
        )


def _costs(settings: ProofSettings, scores: Scores) -> Iterator[TrainingCost]:
    for model in settings.models:
        for budget in settings.budgets:
            runs = [r for run, r in scores.results.items() if (run.model, run.budget) == (model.name, budget)]
            if runs:
                yield TrainingCost(
                    model=model.name,
                    budget=budget,
                    models=len(runs),
                    parameters=max(run.parameters for run in runs),
                    tokens=sum(run.tokens for run in runs),
                    seconds=sum(run.seconds for run in runs),
                    flops=sum(run.flops for run in runs),
                    devices=tuple(sorted({run.device for run in runs})),
                )


def _limits(settings: ProofSettings, scores: Scores, findings: Findings) -> Iterator[str]:
    """Yield what cannot be concluded, and why."""
    for reason in dict.fromkeys(reason for found in findings.primary for reason in found.reasons):
        without = sum(reason in found.reasons for found in findings.primary)
        yield (
            f"There is no verdict on {'any' if without == len(findings.primary) else without} of the "
            f"{len(findings.primary)} contrasts that were named beforehand: {reason}."
        )
    if not findings.primary:
        yield "No contrast was named before the run, so that all comparisons are exploratory."
    if findings.missing:
        yield (
            f"{len(findings.missing)} of {len(findings.missing) + len(scores.results)} models are not trained or not "
            f"scored: {_some(findings.missing)}."
        )
    if findings.unknown_learning:
        yield (
            f"Whether {len(findings.unknown_learning)} models predict better than a bigram model of their arm was not "
            f"measured: {_some(findings.unknown_learning)}."
        )
    for model in settings.models:
        for arm in settings.arms:
            controls = [a.name for a in settings.arms if isinstance(a, RandomArm) and a.like == arm.name]
            if model.arms is None or arm.name not in model.arms or not isinstance(arm, RefinedArm):
                continue
            if left_out := [name for name in controls if name not in model.arms]:
                yield (
                    f"{model.name} is not trained on {' and '.join(left_out)}: whether {arm.name} beats that is not "
                    "known for models of this size."
                )
    repeated = {f"{r.arm}/{r.model}-{r.budget}" for r in scores.results.values() if r.epochs > MANY_EPOCHS}
    if repeated:
        yield (
            f"Some models have seen their arm more than four times, and repeats teach less and less (Muennighoff et "
            f"al., arXiv 2305.16264): {_some(sorted(repeated))}."
        )
    if scores.results:
        largest = max(result.tokens for result in scores.results.values())
        yield (
            f"Intervals cover seeds and sites of this corpus, this refiner and models of up to {largest:,} training "
            "tokens. They say nothing about other corpora and larger models."
        )


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
