"""`prox evaluate`: scores of any Hugging Face checkpoint, as a table and as JSON."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import typer

from prox_assets.cli.console import errors, fail, plain_errors
from prox_assets.cli.views.progress import progress_on
from prox_assets.cli.views.rows import show_rows
from prox_assets.proof.evaluation.bits import Score, mean, score_texts, standard_error
from prox_assets.proof.evaluation.huggingface import HuggingFaceModel
from prox_assets.proof.evaluation.maths import score_maths
from prox_assets.proof.evaluation.tasks import score_tasks
from prox_assets.proof.evaluation.texts import texts_of
from prox_assets.proof.settings import MathsSettings, TaskSettings, TextFile, TextSettings
from prox_assets.refiners.model.files import find_checkpoint
from prox_assets.stages.running.pipeline import Report

_DEFAULT_TEXT = TextSettings()


@plain_errors()
def evaluate(
    model: Annotated[str, typer.Argument(help="Folder or hub id of a causal language model with safetensors.")],
    tasks: Annotated[
        Path | None, typer.Option("--tasks", help="Folder of multiple-choice tasks, as `prox task-files` makes.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only this task; may be repeated.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Questions of a task or set; all by default.")
    ] = None,
    texts: Annotated[
        list[Path] | None, typer.Option("--texts", help="Parquet or JSON Lines file of texts; may be repeated.")
    ] = None,
    column: Annotated[str, typer.Option("--column", help="Column of these files with the text.")] = "text",
    characters: Annotated[
        int, typer.Option("--characters", min=1, help="Texts are cut after so many characters.")
    ] = _DEFAULT_TEXT.held_out_characters,
    maths: Annotated[Path | None, typer.Option("--maths", help="Checkout of GAIR-NLP/math-evaluation-harness.")] = None,
    questions: Annotated[
        list[str] | None, typer.Option("--questions", help="Only this set of it, e.g. gsm8k; may be repeated.")
    ] = None,
    shots: Annotated[
        int | None, typer.Option("--shots", min=0, help="Worked examples before a maths question; all by default.")
    ] = None,
    engine: Annotated[
        Literal["transformers", "vllm"], typer.Option("--engine", help="What writes the answers to maths questions.")
    ] = "transformers",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option("--dtype", help="auto is bfloat16 on a GPU, float32 on a CPU."),
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", help="Write the table into this file, as JSON, too.")
    ] = None,
) -> None:
    """Score a language model: accuracies on tasks, bits per byte of texts and of the tasks' right answers.

    A row says the evaluation set, the measure, its value, its standard error (over questions), and how many questions
    or texts there were. The measures are those of a proof: accuracy; normalised_accuracy, which compares choices by
    likelihood per character; and bits_per_byte, which compares models with different tokenizers. Maths questions are
    answered in the model's own words; sat_math has 32 questions and belongs in no average. Tasks and maths need the
    extra `proof` (lm-eval, math-verify). The hub is asked for the model alone, and not at all if it is a folder.
    """
    if tasks is None and not texts and maths is None:
        raise fail("give --tasks FOLDER, --texts FILE or --maths FOLDER, so that there is something to score")
    folder = str(find_checkpoint(model).path)
    scores: list[Score] = []
    with progress_on(errors) as report:
        if maths is not None:
            asked = MathsSettings.model_validate(
                {
                    "folder": str(maths),
                    "sets": questions or (),
                    "shots": shots,
                    "limit": limit,
                    "engine": {"kind": engine},
                }
            )
            scores += score_maths(folder, asked, 0, lambda name: report("maths", name))
        loaded = HuggingFaceModel(folder, dtype=dtype) if texts or tasks else None
        if loaded is not None:
            scores += _on_texts(loaded, texts or [], column, characters, report)
        if loaded is not None and tasks is not None:
            wanted = TaskSettings(folder=str(tasks), names=tuple(task or ()), limit=limit)
            scores += score_tasks(loaded, wanted, 0, report("tasks", tasks.name))
    table = pa.Table.from_pylist(list(_rows(scores)))
    show_rows(table, "table", None)
    if output is not None:
        show_rows(table, "json", output)


def _on_texts(
    model: HuggingFaceModel, files: list[Path], column: str, characters: int, report: Report
) -> Iterator[Score]:
    settings = TextSettings(held_out_characters=characters, shortest=1)
    for place in files:
        # model_construct: any file may be scored, whatever its name; only names of a proof's sets have a pattern.
        file = TextFile.model_construct(name=place.stem, path=str(place), column=column, site=None)
        rows = list(texts_of(file, settings))
        if not rows:
            raise fail(f"{place} has no text in column {column}")
        yield from score_texts(model, place.stem, rows, 0, report("texts", place.name))


def _rows(scores: list[Score]) -> Iterator[dict[str, Any]]:
    def key(score: Score) -> tuple[str, str]:
        return score["evaluation"], score["measure"]

    order = {pair: place for place, pair in enumerate(dict.fromkeys(map(key, scores)))}
    for (evaluation, measure), part in groupby(sorted(scores, key=lambda score: order[key(score)]), key):
        found = list(part)
        yield {
            "evaluation": evaluation,
            "measure": measure,
            "value": mean(found),
            "standard_error": standard_error(found),
            "items": len(found),
        }
