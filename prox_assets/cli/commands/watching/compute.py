"""`prox compute`: what refining has cost, against what training costs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from prox_assets.catalog.queries.compute import Spent, attempts, by_stage, cost_of
from prox_assets.cli.console import fail, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption
from prox_assets.cli.views.rows import FormatOption, OutputOption, show_rows
from prox_assets.compute.break_even import Curve, break_even_tokens, cost_ratio, raw_needs
from prox_assets.compute.flops import training_flops
from prox_assets.lake.lake import Lake

_SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def amount(value: str | float) -> float:
    """Read a positive number that may end in K, M, B or T, such as 1.4B.

    Raises:
        BadParameter: It is none.
    """
    text = str(value).strip().upper()
    suffix = text[-1:] if text[-1:] in "KMBT" else ""
    try:
        number = float(text.removesuffix(suffix)) * _SUFFIXES[suffix]
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"{value!r} must be a positive number such as 350M, 1.4B or 26200000000")
    return number


Train = Annotated[
    float | None,
    typer.Option(
        "--train",
        parser=amount,
        metavar="PARAMETERS",
        help="Compare with training a model of so many parameters, embeddings left out, e.g. 1.4B.",
    ),
]
Tokens = Annotated[
    float | None, typer.Option("--tokens", parser=amount, metavar="D", help="Tokens that it is trained on, e.g. 26B.")
]
Hours = Annotated[float | None, typer.Option(help="Device-hours that training it takes, where you know them.")]
Models = Annotated[int, typer.Option(min=1, help="Models that are trained on what was refined, and share its cost.")]
CurveOption = Annotated[
    Path | None,
    typer.Option(
        "--curve",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Learning curve of a model on raw text: CSV, JSON Lines or Parquet with the columns tokens and score.",
    ),
]
Score = Annotated[float | None, typer.Option(help="Score that the model on refined text reaches after its tokens.")]
Higher = Annotated[bool, typer.Option("--higher-is-better", help="Scores are accuracies; by default, they are losses.")]


@plain_errors()
def compute(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    train: Train = None,
    tokens: Tokens = None,
    hours: Hours = None,
    models: Models = 1,
    curve: CurveOption = None,
    score: Score = None,
    higher_is_better: Higher = False,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Show what every stage has cost, and compare refining with training.

    Attempts that failed or were killed are counted. Operations follow the usual formulas: 2 N per token of inference,
    6 N per token of training, N without embeddings; rules and classifiers cost time only. With --train and --tokens it
    tells which share of a training refining takes, and how many tokens of training it is worth; with --curve and
    --score, whether a model on raw text would need more than that. It never extrapolates the curve.
    """
    if (train is None) != (tokens is None):
        raise fail("--train and --tokens belong together: the model's parameters, and the tokens it is trained on")
    if (curve is None) != (score is None) or (curve is not None and train is None):
        raise fail("--curve needs --score, what the model on refined text reaches, and --train with --tokens")
    opened = Lake(lake)
    present = opened.corpora()
    if corpus is not None and corpus not in present:
        raise fail(f"the lake {opened.url} has no corpus {corpus!r}; it has: {', '.join(present) or 'none'}")
    rows = attempts(opened, present, None if corpus is None else [corpus])
    show_rows(by_stage(rows).to_arrow(), form, output)
    if form != "table" or output is not None or rows.is_empty():
        return
    refining = cost_of(rows.filter(rows["refiner"].is_not_null()))
    for sentence in _refining(refining):
        say(sentence)
    if train is not None and tokens is not None:
        for sentence in _against(refining, train, tokens, hours, models):
            say(sentence)
        if curve is not None and score is not None:
            say(
                _curve(refining, train, tokens, models, _read_curve(curve), score, lower_is_better=not higher_is_better)
            )
    for sentence in _against_recorded(refining, cost_of(rows.filter(rows["training_tokens"] > 0))):
        say(sentence)


def _refining(cost: Spent) -> Iterator[str]:
    if not cost.attempts:
        yield "nothing was refined yet"
        return
    lost = (
        f", {cost.failed_flops / cost.flops:.1%} of them in attempts that failed or have not ended"
        if cost.failed_flops
        else ""
    )
    yield f"refining: {cost.flops:.3g} operations{lost}; {cost.device_hours:,.3g} device-hours"
    if cost.unknown:
        yield f"the operations of {cost.unknown:,} attempts are unknown, and left out: nobody knows their models' sizes"


def _against(cost: Spent, parameters: float, tokens: float, hours: float | None, models: int) -> Iterator[str]:
    training = training_flops(parameters, tokens)
    shared = f" if {models:,} models share it" if models > 1 else ""
    yield (
        f"training {parameters:.3g} parameters on {tokens:.3g} tokens: {training:.3g} operations; "
        f"refining is {cost_ratio(cost.flops, training, models):.2%} of that{shared}"
    )
    if hours is not None and hours > 0:
        yield f"in device-hours, refining is {cost_ratio(cost.device_hours, hours, models):.2%} of {hours:,.3g}{shared}"
    extra = break_even_tokens(cost.flops, parameters, models)
    yield f"refining pays if a model on raw text needs more than {extra:.3g} tokens beyond these for the same score"


def _curve(
    cost: Spent, parameters: float, tokens: float, models: int, curve: Curve, score: float, *, lower_is_better: bool
) -> str:
    break_even = break_even_tokens(cost.flops, parameters, models)
    needs = raw_needs(curve, score, tokens, break_even, lower_is_better=lower_is_better)
    place = f"{needs.tokens:.3g} tokens ({needs.tokens - tokens:+.3g})"
    said = {
        "exact": f"a model on raw text reaches {score:g} after {place}",
        "less": f"the curve on raw text begins at {place} with a better score than {score:g}",
        "more": f"the curve on raw text ends at {place} without a score of {score:g}",
    }
    verdict = {True: "refining pays", False: "refining does not pay", None: "whether refining pays is not known"}
    return f"{said[needs.bound]}: {verdict[needs.pays]}"


def _against_recorded(refining: Spent, training: Spent) -> Iterator[str]:
    if not training.attempts:
        return
    cost = f"{training.flops:.3g} operations, {training.device_hours:,.3g} device-hours"
    yield f"trainings on record: {training.attempts:,}, {cost}"
    if refining.attempts and training.flops and training.device_hours:
        flops, hours = (
            cost_ratio(refining.flops, training.flops),
            cost_ratio(refining.device_hours, training.device_hours),
        )
        yield f"refining is {flops:.2%} of all of them by operations, {hours:.2%} by device-hours"


def _read_curve(file: Path) -> Curve:
    import polars as pl

    readers = {".csv": pl.read_csv, ".parquet": pl.read_parquet}
    try:
        frame = readers.get(file.suffix, pl.read_ndjson)(file)
        points = frame.select(pl.col("tokens").cast(pl.Float64), pl.col("score").cast(pl.Float64)).drop_nulls().rows()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise fail(f"{file} is no learning curve with the columns tokens and score: {error}") from error
    if not points or min(points)[0] <= 0:
        raise fail(f"{file}: a learning curve needs points, each with a positive number of tokens")
    return points
