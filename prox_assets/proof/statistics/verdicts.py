"""Verdicts in words: one sentence for each contrast, with its interval."""

from prox_assets.proof.statistics.findings import Verdict
from prox_assets.proof.statistics.intervals import Interval

LEVEL = 0.05
FEWEST_SEEDS = 2
FEWEST_SITES = 10
"""With fewer sites, percentiles of a bootstrap mean little; with one seed, luck and effect look the same."""

_UNITS = {"bits_per_byte": "bits per byte", "accuracy": "accuracy", "normalised_accuracy": "length-normalised accuracy"}


def unit(measure: str) -> str:
    """Return a measure's name in a sentence."""
    return _UNITS.get(measure, measure.replace("_", " "))


def counted(number: int, thing: str) -> str:
    """Return a number of things."""
    return f"{number:,} {thing if number == 1 else f'{thing}s'}"


def too_small(seeds: int, sites: int) -> list[str]:
    """Return why so little was measured that there is no verdict; nothing if it is enough."""
    reasons = []
    if seeds < FEWEST_SEEDS:
        reasons.append(f"{counted(seeds, 'order')} where a verdict needs {FEWEST_SEEDS}")
    if sites < FEWEST_SITES:
        reasons.append(f"{counted(sites, 'site')} where a verdict needs {FEWEST_SITES}")
    return [f"too small to conclude: {' and '.join(reasons)}"] if reasons else []


def verdict_of(gain: float, p: float) -> Verdict:
    """Return the verdict of a contrast that may have one, from its p-value, adjusted where it is primary."""
    if p > LEVEL:
        return "undecided"
    return "better" if gain > 0 else "worse"


def sentence(
    arm: str,
    against: str,
    where: str,
    measure: str,
    found: Interval | None,
    size: tuple[int, int],
    verdict: Verdict,
    reasons: tuple[str, ...],
    adjusted_p: float | None,
) -> str:
    """Return a contrast's verdict in words.

    Args:
        arm: The arm.
        against: The other arm.
        where: Evaluation set, model and budget, in words.
        measure: The measure.
        found: The gain of the arm and its interval, if anything was measured.
        size: Seeds and sites.
        verdict: The verdict.
        reasons: Why there is none.
        adjusted_p: The adjusted p-value of a primary contrast.
    """
    if verdict == "none" or found is None:
        said = f"No verdict on {arm} against {against} {where}: {'; '.join(reasons)}."
        if found is None:
            return said
        way = "better" if found.mean >= 0 else "worse"
        return f"{said} In what was measured, {arm} is {way} by {_digits(abs(found.mean))} {unit(measure)}."
    seeds, sites = size
    sure = f"{counted(seeds, 'order')}, {counted(sites, 'site')}"
    p = f"adjusted p {_p(adjusted_p)}" if adjusted_p is not None else f"p {_p(found.p)}, not adjusted"
    if verdict == "undecided":
        return (
            f"{arm} and {against} cannot be told apart {where}: the gain of {arm} is {_signed(found.mean)} "
            f"{unit(measure)} (95 % {_signed(found.low)} to {_signed(found.high)}, {sure}); {p}. A difference of "
            f"{_digits(found.detectable)} would be seen in four experiments of five."
        )
    low, high = (found.low, found.high) if verdict == "better" else (-found.high, -found.low)
    return (
        f"{arm} is {verdict} than {against} {where} by {_digits(abs(found.mean))} {unit(measure)} "
        f"(95 % {_digits(low)} to {_digits(high)}, {sure}); {p}."
    )


def _digits(value: float) -> str:
    return f"{value:.4f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
