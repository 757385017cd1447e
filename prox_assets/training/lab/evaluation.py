"""The lab's last step: compares the new refiner on validation pages with keep-all, the rules and the previous refiner.

training/evaluation measures the systems and writes the tables.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from prox_assets.corpora.sample.decisions import sound_pages, worthless_pages
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.calibration import Calibration
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner
from prox_assets.refiners.presets import SHIPPED, named_refiners, preset
from prox_assets.refiners.prompts.formats import Level
from prox_assets.refiners.protocol import ChunkRefiner
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.documents.bad import HELD_OUT
from prox_assets.training.data.documents.short import short_documents
from prox_assets.training.data.documents.sound import paragraphs
from prox_assets.training.data.documents.worthless import ALL_FAMILIES, TRAINING_FAMILIES, synthetic_documents
from prox_assets.training.data.page_annotations import KEEP_FROM
from prox_assets.training.data.pages import REGIMES, LabelledPage
from prox_assets.training.data.tables import write_json
from prox_assets.training.data.targets.documents import document_target
from prox_assets.training.evaluation.evaluate import (
    NO_FLOOR,
    ChunkEvaluation,
    Damage,
    DocumentEvaluation,
    LabelledDocument,
    evaluate_chunks,
    evaluate_documents,
    labelled_documents,
    measure_damage,
)
from prox_assets.training.evaluation.table import (
    chunk_table,
    damage_table,
    difference_table,
    document_table,
    language_table,
    reliability_tables,
    right_table,
    site_table,
    type_table,
)
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.lab.stages import labelled_pages

NEW = "this refiner"
# Bad documents of each family per page: over the families, as many bad documents as pages.
BAD_PER_PAGE = 1 / len(ALL_FAMILIES)


def evaluate_lab(plan: LabPlan, folder: LabFolder, level: Level) -> dict[str, Any]:
    """Evaluate the level's finished refiner on validation pages and store the numbers.

    Returns:
        `measures` (numbers of the new refiner by name) and `report` (Markdown).

    Raises:
        RefinerError: There is no finished refiner.
        PagesError: See `labelled_pages`.
    """
    # The probe is off: a bad refiner should be measured, not refused.
    new = load_refiner(str(folder.model(level))).model_copy(update={"probe": False})
    systems: dict[str, RefinerPair] = {
        "keep-all": preset("keep-all"),
        "rules": preset("rules"),
        NEW: RefinerPair.model_validate({"name": NEW, level: new}),
    }
    previous = _previous(plan, level)
    if previous is not None:
        systems["previous"] = previous
    evaluation = evaluate_systems(level, systems, validation_pages(labelled_pages(plan)), plan.seed)
    write_json(folder.evaluation(level), evaluation["numbers"])
    measures = flat(evaluation["numbers"][NEW])
    # Scores by page go only into the file; as metadata they would take one entry per page.
    shown = {name: value for name, value in measures.items() if "/word_f1_by_page/" not in name}
    return {"measures": shown, "report": evaluation["report"]}


def validation_pages(pages: Sequence[LabelledPage]) -> list[LabelledPage]:
    """Return the held-out pages."""
    return [page for page in pages if page.split == "validation" and not page.is_silver]


def evaluate_systems(
    level: Level,
    systems: Mapping[str, RefinerPair],
    pages: Sequence[LabelledPage],
    seed: int,
    references: Mapping[str, ChunkRefiner] | None = None,
) -> dict[str, Any]:
    """Evaluate systems by name on the same pages with gold text.

    Args:
        level: The level to evaluate.
        systems: Refiners by name; the first one is what the others are compared with.
        pages: Pages with gold text.
        seed: Seed of synthetic documents.
        references: Further chunk refiners by name, which score lines: rules of thumb, or the labels themselves.

    Returns:
        `numbers` (everything measured, per system) and `report` (Markdown).
    """
    if level == "chunk":
        return _evaluate_chunks(systems, pages, references or {})
    return _evaluate_documents(systems, pages, seed)


def flat(numbers: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested mappings, with names joined by slashes; lists are left out."""
    found: dict[str, float] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = value
    return found


def _previous(plan: LabPlan, level: Level) -> RefinerPair | None:
    if plan.previous is None:
        return None
    try:
        pair = named_refiners(plan.previous)
    except RefinerError:
        if plan.previous not in SHIPPED:
            raise
        return None  # the first shipped refiner has no predecessor
    return pair if (pair.doc if level == "doc" else pair.chunk) is not None else None


def _policy(pair: RefinerPair) -> ExecutionPolicy:
    if pair.chunk is None:
        return pair.policy(**NO_FLOOR)
    return pair.policy(dialect=pair.chunk.dialect, line_numbers=pair.chunk.line_numbers, **NO_FLOOR)


def _evaluate_chunks(
    systems: Mapping[str, RefinerPair], pages: Sequence[LabelledPage], references: Mapping[str, ChunkRefiner]
) -> dict[str, Any]:
    results: dict[str, dict[str, ChunkEvaluation]] = {regime: {} for regime in REGIMES}
    clean: dict[str, Damage] = {}

    def measure(
        name: str, refiner: ChunkRefiner, policy: ExecutionPolicy, calibration: Calibration | None = None
    ) -> None:
        for regime in REGIMES:
            shown = [page for page in pages if page.text(regime).strip()]
            results[regime][name] = evaluate_chunks(refiner, shown, regime, policy, calibration)
        clean[name] = measure_damage(refiner, pages, policy)

    for name, pair in systems.items():
        with RefinerSession(pair.chunk, "chunk", TransformersEngineConfig()) as session:
            measure(name, session.chunk_refiner(), _policy(pair), pair.chunk.calibration if pair.chunk else None)
    for name, refiner in references.items():
        measure(name, refiner, ExecutionPolicy(dialect="line-labels", **NO_FLOOR))
    numbers: dict[str, Any] = {
        name: {
            **{regime: _chunk_numbers(results[regime][name]) for regime in REGIMES},
            "clean_prose_removed": damage.removed,
        }
        for name, damage in clean.items()
    }
    sites = {page.page_id: page.site for page in pages}
    first = next(iter(clean))
    parts = []
    for regime, found in results.items():
        parts += [f"### {regime}, {found[first].pages} pages", chunk_table(found)]
        parts += [difference_table(found, sites, first), type_table(found), language_table(found)]
    parts += [
        "### Clean prose",
        damage_table(clean),
    ]
    if NEW in results["text_full"]:
        own = results["text_full"][NEW]
        parts += reliability_tables("Reliability of P(keep) of lines", own)
        parts += ["### Worst sites", site_table(own, sites)]
    return {"numbers": numbers, "report": "\n\n".join(parts)}


def _chunk_numbers(result: ChunkEvaluation) -> dict[str, Any]:
    own = {"removed_line_f1": result.removed.f1, "calibration_error": result.calibration_error}
    return {**asdict(result), **own}


def _evaluate_documents(systems: Mapping[str, RefinerPair], pages: Sequence[LabelledPage], seed: int) -> dict[str, Any]:
    sets = {f"pages, {regime}": labelled_documents(pages, regime) for regime in REGIMES}
    known, unknown = (_made(pages, families, seed) for families in (TRAINING_FAMILIES, HELD_OUT))
    sets["pages and synthetic documents"] = sets["pages, text_full"] + known + unknown
    sets["bad documents"] = known
    sets["bad documents of families that nobody was trained on"] = unknown
    kept = [page for page in pages if (document_target(page) or 0.0) >= KEEP_FROM and page.gold.strip()]
    sets["main content as documents"] = [_sound(page, page.gold) for page in kept]
    middle = [(page, found[len(found) // 2]) for page in kept if (found := paragraphs(page.gold))]
    sets["paragraphs of 50 to 200 words"] = [_sound(page, text) for page, text in middle]
    shorts = [(page, next(short_documents(random.Random(page.page_id), page.gold), None)) for page in kept]  # noqa: S311
    sets["texts of 10 to 50 words"] = [_sound(page, short[1]) for page, short in shorts if short is not None]
    for which, found, keep in (("sound", sound_pages(), True), ("worthless", worthless_pages(), False)):
        sets[f"{which} pages of the sample"] = [
            LabelledDocument(page.url, page.text, keep=keep, kind=page.language) for page in found
        ]
    results: dict[str, dict[str, DocumentEvaluation]] = {name: {} for name in sets}
    numbers: dict[str, Any] = {name: {} for name in systems}
    for name, pair in systems.items():
        with RefinerSession(pair.doc, "doc", TransformersEngineConfig()) as session:
            for which, documents in sets.items():
                calibration = pair.doc.calibration if pair.doc else None
                result = evaluate_documents(session.document_refiner(), documents, _policy(pair), calibration)
                results[which][name] = result
                numbers[name][which] = {
                    **asdict(result),
                    "keep_f1": result.keep.f1,
                    "drop_f1": result.drop.f1,
                    "macro_f1": result.macro_f1,
                    "right": (result.keep.hits + result.drop.hits) / max(1, result.documents),
                    "calibration_error": result.calibration_error,
                }
    parts = []
    for which, documents in sets.items():
        wanted = sum(document.keep for document in documents)
        parts += [f"### {which}: {len(documents)}, of which {wanted} to keep", document_table(results[which])]
    if NEW in systems:
        families = results["pages and synthetic documents"][NEW].accuracy_by_type
        parts += ["### Right by page type and family", right_table(families)]
        parts += reliability_tables("Reliability of P(keep)", results["pages and synthetic documents"][NEW])
    return {"numbers": numbers, "report": "\n\n".join(parts)}


def _made(pages: Sequence[LabelledPage], families: Sequence[str], seed: int) -> list[LabelledDocument]:
    count = round(BAD_PER_PAGE * len(families) * len(pages))
    made = synthetic_documents(pages, count, seed, families)
    return [
        LabelledDocument(f"made-{document.kind}-{number}", document.text, keep=False, kind=document.kind)
        for number, document in enumerate(made)
    ]


def _sound(page: LabelledPage, text: str) -> LabelledDocument:
    return LabelledDocument(page.page_id, text, keep=True, kind=page.page_type or "unknown")
