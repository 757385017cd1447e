"""Evaluation results as Markdown tables, with systems side by side."""

from collections.abc import Iterable, Mapping, Sequence

from prox_assets.training.evaluation.bootstrap import paired_difference
from prox_assets.training.evaluation.evaluate import ChunkEvaluation, Damage, DocumentEvaluation
from prox_assets.training.evaluation.measures import ReliabilityBin, calibration_error

WORST_SITES = 8


def chunk_table(results: Mapping[str, ChunkEvaluation]) -> str:
    """Return a table of chunk refiners, one row per system."""
    header = (
        *("system", "page word F1", "F1 of removed lines", "the same, mean of pages", "invalid programs", "words kept"),
        *("calibration error", "prompt tokens a page", "pages/s"),
    )
    rows = [
        (
            name,
            f"{result.word_f1:.3f}",
            f"{result.removed.f1:.3f}",
            f"{result.removed_by_page:.3f}",
            f"{100 * result.invalid_programs:.2f} %",
            f"{100 * result.kept_words:.1f} %",
            *_costs(result, result.pages),
        )
        for name, result in results.items()
    ]
    return markdown(header, rows)


def type_table(results: Mapping[str, ChunkEvaluation]) -> str:
    """Return page word F1 by page type, one column per system."""
    return _group_table("page type", {name: result.word_f1_by_type for name, result in results.items()})


def language_table(results: Mapping[str, ChunkEvaluation]) -> str:
    """Return page word F1 by group of languages, one column per system."""
    return _group_table("language", {name: result.word_f1_by_language for name, result in results.items()})


def _group_table(title: str, scores: Mapping[str, Mapping[str, float]]) -> str:
    groups = sorted({group for found in scores.values() for group in found})
    rows = [(group, *(f"{found.get(group, 0):.3f}" for found in scores.values())) for group in groups]
    return markdown((title, *scores), rows)


def difference_table(results: Mapping[str, ChunkEvaluation], sites: Mapping[str, str], against: str) -> str:
    """Return by how much each system's page word F1 exceeds that of one of them, with 95 % intervals over sites."""
    other = results[against].word_f1_by_page
    rows: list[tuple[str, ...]] = []
    for name, result in results.items():
        if name != against:
            found = paired_difference(result.word_f1_by_page, other, sites)
            rows.append((name, f"{found.mean:+.3f}", f"{found.low:+.3f} to {found.high:+.3f}"))
    return markdown(("system", f"page word F1, minus that of {against}", "95 % interval"), rows)


def damage_table(found: Mapping[str, Damage]) -> str:
    """Return what each system removes from clean prose, with 95 % intervals over sites."""
    rows = [
        (
            name,
            f"{100 * damage.removed:.2f} %",
            f"{100 * damage.low:.2f} to {100 * damage.high:.2f} %",
            f"{damage.damaged} of {damage.texts}",
        )
        for name, damage in found.items()
    ]
    return markdown(("system", "visible characters removed", "95 % interval", "texts that lose something"), rows)


def site_table(result: ChunkEvaluation, sites: Mapping[str, str]) -> str:
    """Return the sites with the lowest page word F1; `sites` maps each page_id to its site."""
    by_site: dict[str, list[float]] = {}
    for page_id, score in result.word_f1_by_page.items():
        by_site.setdefault(sites[page_id], []).append(score)
    worst = sorted((sum(scores) / len(scores), site, len(scores)) for site, scores in by_site.items())[:WORST_SITES]
    return markdown(("site", "pages", "page word F1"), [(site, str(count), f"{f1:.3f}") for f1, site, count in worst])


def document_table(results: Mapping[str, DocumentEvaluation]) -> str:
    """Return a table of document refiners, one row per system."""
    header = ("system", "F1 keep", "F1 drop", "mean", "calibration error", "prompt tokens a document", "documents/s")
    rows = [
        (
            name,
            f"{result.keep.f1:.3f}",
            f"{result.drop.f1:.3f}",
            f"{result.macro_f1:.3f}",
            *_costs(result, result.documents),
        )
        for name, result in results.items()
    ]
    return markdown(header, rows)


def right_table(shares: Mapping[str, float]) -> str:
    """Return how often the decision was right, by kind of document."""
    return markdown(("kind", "right"), [(kind, f"{share:.3f}") for kind, share in shares.items()])


def _costs(result: ChunkEvaluation | DocumentEvaluation, count: int) -> tuple[str, str, str]:
    """Return the cells for calibration error, prompt tokens and texts per second, empty where nothing was measured."""
    return (
        f"{result.calibration_error:.3f}" if result.reliability else "",
        f"{result.prompt_tokens / max(1, count):.0f}" if result.prompt_tokens else "",
        f"{count / result.seconds:.1f}" if result.seconds else "",
    )


def reliability_tables(title: str, result: ChunkEvaluation | DocumentEvaluation) -> list[str]:
    """Return titles and tables of predictions in ten bins: their mean probability and how often they are true.

    For a calibrated refiner there are two tables, before and after.
    """
    if not result.reliability_before:
        return [f"### {title}", _reliability(result.reliability)]
    return [
        f"### {title}, before calibration: expected error {calibration_error(result.reliability_before):.3f}",
        _reliability(result.reliability_before),
        f"### {title}, calibrated: expected error {result.calibration_error:.3f}",
        _reliability(result.reliability),
    ]


def _reliability(bins: Sequence[ReliabilityBin]) -> str:
    rows = [
        (
            f"{entry.low:.1f} to {entry.high:.1f}",
            str(entry.count),
            f"{entry.mean_probability:.3f}",
            f"{entry.share_true:.3f}",
        )
        for entry in bins
    ]
    return markdown(("P(keep)", "count", "mean P(keep)", "share kept by label"), rows)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
