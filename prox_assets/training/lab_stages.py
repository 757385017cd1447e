"""What each of the lab's assets does at one level, without Dagster.

Belongs here: the four steps from annotations to an evaluated refiner. Each leaves its result in the lab's folder and
goes on where a killed run stopped. Not here: how the steps are scheduled and shown (orchestration).
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import save_refiner
from prox_assets.refiners.model_files import find_model
from prox_assets.refiners.prompts import Level
from prox_assets.refiners.tokenization import load_tokenizer
from prox_assets.training import annotation
from prox_assets.training.distillation import distil
from prox_assets.training.evaluation import labelled_documents
from prox_assets.training.inline_examples import inline_examples
from prox_assets.training.lab import LabFolder, LabPlan
from prox_assets.training.line_ensemble import LineEnsemble
from prox_assets.training.page_annotations import chunk_annotations, document_annotations
from prox_assets.training.pages import LabelledPage, Split, read_labelled_pages
from prox_assets.training.program_examples import collate, program_examples
from prox_assets.training.scored_training import prepare_scored
from prox_assets.training.seeds import SEED_CHUNKS, SEED_DOCUMENTS, SeedDocument
from prox_assets.training.selection import CheckpointResult, choose_checkpoint, judge_chunks, judge_documents
from prox_assets.training.tables import read_table, write_json, write_table
from prox_assets.training.trainer import Progress, train
from prox_assets.training.training_set import TRAINING_CHUNKS, TRAINING_DOCUMENTS, build_training_set

INLINE_EXAMPLES: pa.Schema = pa.schema(
    [
        pa.field("line", pa.large_string()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("kind", pa.string()),
        pa.field("replacement", pa.string()),
        pa.field("remove_target", pa.float64()),
        pa.field("source", pa.string()),
        pa.field("split", pa.string()),
    ]
)
"""Spans inside lines: characters [start, end) of the line, and the wanted P(remove)."""

IDENTITY = "identity.txt"
# Written into the folder of a finished refiner: losses and development scores by step, for curves.
CURVES = "curves.json"


def labelled_pages(plan: LabPlan) -> list[LabelledPage]:
    """Return all labelled pages; a page with gold text goes before its silver copy."""
    pages = [page for path in plan.pages for page in read_labelled_pages(Path(path))]
    return sorted(pages, key=lambda page: page.is_silver)


def annotate_seeds(
    plan: LabPlan,
    folder: LabFolder,
    level: Level,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write the level's seed annotations: those of labelled pages, then those of the language model.

    Args:
        plan: The lab.
        folder: Its files.
        level: doc or chunk.
        progress: Told (finished, all) rows of the language model.
        announce: Told, before the language model is asked, what that will take.

    Returns:
        Numbers to show.

    Raises:
        RefinerError: There is nothing to annotate.
        BudgetExceededError, AnnotationError, EngineError: See `annotation.annotate`.
    """
    pages = labelled_pages(plan)
    if not pages and plan.annotator is None:
        raise RefinerError(
            "The lab has nothing to learn from: name files of labelled pages (pages, or PROX_LABELLED_PAGES), or an "
            "annotator and seed_documents."
        )
    shown: dict[str, Any] = {"labelled_pages": len(pages)}
    tables: list[Path] = []
    if plan.annotator is not None:
        documents = _seed_documents(plan, folder, level, pages)
        expected = annotation.estimate(documents, plan.annotator, level)
        if announce is not None:
            announce(f"estimate: {expected}")
        summary = annotation.annotate(documents, plan.annotator, level, folder.annotator(level), progress)
        tables.append(summary.path)
        shown |= {f"estimate_{name}": value for name, value in asdict(expected).items()}
        shown |= {f"annotator_{name}": value for name, value in asdict(summary).items() if name != "path"}

    def rows() -> Iterator[dict[str, Any]]:
        yield from chunk_annotations(pages) if level == "chunk" else document_annotations(pages, plan.seed)
        for table in tables:
            yield from read_table(table)

    schema = SEED_CHUNKS if level == "chunk" else SEED_DOCUMENTS
    shown["annotations"] = write_table(folder.annotations(level), schema, rows())
    return shown


def _seed_documents(
    plan: LabPlan, folder: LabFolder, level: Level, pages: Sequence[LabelledPage]
) -> list[SeedDocument]:
    """Return what the language model is shown: at chunk level only what the document level keeps, as in the paper."""
    if plan.seed_documents:
        rows = [row for path in plan.seed_documents for row in read_table(Path(path))]
        documents = [SeedDocument(row["doc_id"], row["site"], row["url"] or "", row["text"]) for row in rows]
    else:
        documents = [SeedDocument(page.page_id, page.site, page.url, page.text_full) for page in pages]
    decided = folder.annotations("doc")
    if level == "doc" or not decided.is_file():
        return documents
    dropped = {row["doc_id"] for row in read_table(decided) if row["decision"] == "drop"}
    return [document for document in documents if document.doc_id not in dropped]


def build_examples(plan: LabPlan, folder: LabFolder, level: Level) -> dict[str, Any]:
    """Write the level's training set; return its statistics."""
    examples, statistics = build_training_set(level, read_table(folder.annotations(level)))
    if level == "chunk" and plan.distillation > 0 and plan.chunk.refiner.decoding == "score":
        distil(examples, plan.distillation, LineEnsemble(plan.seed))
    schema = TRAINING_CHUNKS if level == "chunk" else TRAINING_DOCUMENTS
    write_table(folder.training_set(level), schema, examples)
    shown = statistics.as_dict()
    if level == "chunk" and plan.chunk.refiner.line_labels.inline is not None:
        kept = {row["doc_id"].partition("#")[0] for row in examples}
        pages = [page for page in labelled_pages(plan) if page.page_id in kept]
        shown["inline_examples"] = write_table(
            folder.inline_examples(), INLINE_EXAMPLES, _inline_rows(pages, plan.seed)
        )
    write_json(folder.statistics(level), shown)
    return shown


def _inline_rows(pages: Sequence[LabelledPage], seed: int) -> Iterator[dict[str, Any]]:
    splits: tuple[Split, ...] = ("train", "development", "validation")
    for split in splits:
        for example in inline_examples([page for page in pages if page.split == split], seed):
            span = example.candidate
            yield {
                "line": example.line,
                "start": span.start,
                "end": span.end,
                "kind": span.kind.value,
                "replacement": span.replacement,
                "remove_target": example.remove_target,
                "source": example.source,
                "split": split,
            }


def train_refiner(plan: LabPlan, folder: LabFolder, level: Level, progress: Progress | None = None) -> dict[str, Any]:
    """Train the level's refiner, choose the best checkpoint on development pages, and put the refiner in its folder.

    A run of the same recipe on the same examples goes on from the newest checkpoint; another one begins anew.

    Returns:
        Numbers to show.

    Raises:
        RefinerError: The base or the training set is missing, or the recipe does not fit the refiner.
    """
    spec = plan.spec(level)
    base = _base(plan, folder, level)
    work = folder.training(level)
    _begin_or_resume(work, _identity(plan, folder, level, base))
    rows = [row for row in read_table(folder.training_set(level)) if row["split"] == "train"]
    if not rows:
        raise RefinerError(f"The training set of level {level} has no examples in its train split.")
    config = spec.refiner
    if config.decoding == "score" and config.dialect == "line-labels":
        inline = _train_spans(folder) if level == "chunk" else []
        setup = prepare_scored(config, spec.recipe, base, rows, inline, work)
        run = train(
            setup.model,
            setup.batches,  # pyright: ignore[reportArgumentType] - what a DataLoader needs of a dataset
            spec.recipe,
            work,
            tokenizer=setup.tokenizer,
            collate=setup.batches.collate,
            scored=True,
            progress=progress,
        )
    else:
        run = _train_programs(config, plan, level, base, rows, work, progress)
    best, results = choose_checkpoint(run.checkpoints, _judge(plan, config, level))
    model = folder.model(level)
    finished = config.model_copy(update={"keep_threshold": best.threshold})
    shown = {
        "steps": run.steps,
        "resumed_from": run.resumed_from,
        "examples": len(rows),
        "chosen_step": best.step,
        "development_score": best.score,
        "keep_threshold": best.threshold,
        **{f"development_{name}": value for name, value in best.measures.items()},
    }
    _publish(run.checkpoints[best.step], model, finished, {**shown, "recipe": spec.recipe.model_dump(mode="json")})
    curves = {"loss": run.losses, "development": [asdict(result) for result in results]}
    write_json(model / CURVES, curves)
    return {**shown, "curves": curves}


def _base(plan: LabPlan, folder: LabFolder, level: Level) -> Path | None:
    spec = plan.spec(level)
    if spec.start_from is not None:
        base = folder.model(spec.start_from)
        if not base.is_dir():
            raise RefinerError(
                f"The {level} refiner starts from the {spec.start_from} refiner, which is not there: train that first."
            )
        return base
    return find_model(spec.recipe.base).path if spec.recipe.base is not None else None


def _identity(plan: LabPlan, folder: LabFolder, level: Level, base: Path | None) -> str:
    """Return what a checkpoint belongs to: refiner, recipe, examples, base."""
    spec = plan.spec(level)
    digest = hashlib.sha256(spec.model_dump_json(exclude={"recipe": {"threads", "keep_checkpoints"}}).encode())
    tables = [folder.training_set(level), *([folder.inline_examples()] if level == "chunk" else [])]
    for table in tables:
        if table.is_file():
            digest.update(table.read_bytes())
    if base is not None:
        digest.update(find_model(str(base)).weights_hash.encode())
    return digest.hexdigest()


def _begin_or_resume(work: Path, identity: str) -> None:
    """Empty the folder of checkpoints unless they belong to this very training."""
    file = work / IDENTITY
    if work.is_dir() and (not file.is_file() or file.read_text(encoding="utf-8") != identity):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(identity, encoding="utf-8")


def _train_spans(folder: LabFolder) -> list[dict[str, Any]]:
    table = folder.inline_examples()
    return [row for row in read_table(table) if row["split"] == "train"] if table.is_file() else []


def _train_programs(
    config: RefinerConfig,
    plan: LabPlan,
    level: Level,
    base: Path | None,
    rows: Sequence[dict[str, Any]],
    work: Path,
    progress: Progress | None,
) -> Any:  # noqa: ANN401 (TrainingRun)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if base is None:
        raise RefinerError("Refiners that write programs are tuned from a base: set recipe.base.")
    tokenizer = load_tokenizer(base)
    examples = program_examples(config, tokenizer, rows, plan.seed)
    if not examples:
        raise RefinerError(f"No example of level {level} fits window {config.window} and its answer.")
    return train(
        AutoModelForCausalLM.from_pretrained(base, dtype="float32", use_safetensors=True),
        examples,  # pyright: ignore[reportArgumentType] - a list is a dataset
        plan.spec(level).recipe,
        work,
        tokenizer=AutoTokenizer.from_pretrained(base),
        collate=lambda batch: collate(0, batch),
        scored=False,
        progress=progress,
    )


def _judge(plan: LabPlan, config: RefinerConfig, level: Level) -> Callable[[Path], CheckpointResult]:
    pages = [page for page in labelled_pages(plan) if page.split == "development" and not page.is_silver]
    if level == "chunk":
        return judge_chunks(config, pages)
    return judge_documents(config, labelled_documents(pages, "text_full"))


def _publish(checkpoint: Path, model: Path, config: RefinerConfig, training: dict[str, Any]) -> None:
    """Copy what engines load into the refiner's folder, with its configuration; the old folder goes at the end."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    fresh = model.with_name(f".{model.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    # Half the size, and what both engines compute differs by less than their own rounding: parity is tested.
    weights: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="bfloat16", use_safetensors=True)
    weights.save_pretrained(fresh, safe_serialization=True)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(fresh)
    save_refiner(config, fresh, training)
    shutil.rmtree(model, ignore_errors=True)
    fresh.replace(model)
