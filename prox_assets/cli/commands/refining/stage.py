"""`prox stage`: one stage for some shards; what every launcher starts."""

import json
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from dagster_pipes import PipesContext
from pydantic import ValidationError

from prox_assets.cli.console import fail
from prox_assets.cli.options import LakeOption
from prox_assets.cli.plan_options import read_settings, settings_of
from prox_assets.lake.errors import LakeError, RetryableLakeError
from prox_assets.machine.parents import WITH_PARENT_VARIABLE, end_with_parent
from prox_assets.placement.request import StageRequest
from prox_assets.placement.run import ExitCode, run_stages
from prox_assets.placement.told import pipes, request_in, standard_output_for_events, told_to
from prox_assets.refiners.errors import RefinerError
from prox_assets.stages.settings import described
from prox_assets.stages.states.shard_states import STAGES

# What a shell reports of a process that SIGTERM has ended: a scheduler that preempts a job sends it.
TERMINATED = 128 + signal.SIGTERM


def stage(
    stages: Annotated[
        list[str] | None,
        typer.Argument(metavar="STAGE...", help=f"In the order of the pipeline: {', '.join(STAGES)}."),
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option("--settings", metavar="FILE|JSON", help="A corpus's defs.yaml, or its attributes as JSON."),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--keys",
            metavar="KEY|JSON|@FILE",
            help="A shard's key, a JSON list of keys, or @ and a file with such a list. Repeatable. By default the "
            "partition of the Dagster step that has started this.",
        ),
    ] = None,
    lake: LakeOption = "lake",
    force: Annotated[bool, typer.Option("--force", help="Do the work again even if its result is current.")] = False,
    task: Annotated[
        int, typer.Option(envvar="PROX_TASK", help="Which task of a launcher's request this process does.")
    ] = 0,
) -> None:
    """Run stages for some shards and tell what happens as JSON lines.

    It does what one of Dagster's steps does, on whatever machine a launcher starts it. Under a Pipes client it also
    tells Dagster; without STAGE it then takes the request of `placement:`. Standard output holds one event a line:
    started, progress, done, failed, finished. A stage that is killed resumes where it was.

    Exit codes: 0 every shard is done; 1 the request cannot be run, nothing was done; 2 unknown option; 3 shards
    failed, and would again; 75 shards failed, and another try may help; 130 interrupted; 143 ended by SIGTERM: finished
    windows are kept.
    """
    if os.environ.get(WITH_PARENT_VARIABLE):
        end_with_parent(os.getppid())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        with pipes() as session:
            output = standard_output_for_events() if session is None else nullcontext(sys.stdout)
            with output as lines:
                request = _request(stages, settings, keys, lake, force, session)
                run_id = session.run_id if session is not None else f"prox-stage-{uuid.uuid4().hex[:12]}"
                code = run_stages(request, run_id, told_to(lines, session), task)
    except ValidationError as error:
        raise fail(described(error)) from error
    except RetryableLakeError as error:  # what has become of the shards cannot be told
        fail(str(error))
        raise typer.Exit(ExitCode.RETRY) from error
    except (LakeError, RefinerError, ValueError, OSError, yaml.YAMLError) as error:
        raise fail(str(error)) from error
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None
    raise typer.Exit(code)


def _request(
    stages: list[str] | None,
    settings: str | None,
    keys: list[str] | None,
    lake: str,
    force: bool,
    session: PipesContext | None,
) -> StageRequest:
    """Return what the command line asks for, or else what the Pipes client does.

    Raises:
        ValueError: Something is missing or wrong.
    """
    if not stages:
        given = request_in(session)
        if given is None:
            raise ValueError(f"name a stage: {', '.join(STAGES)}")
        return StageRequest.model_validate(given)
    if settings is None:
        raise ValueError("--settings is missing: a corpus's defs.yaml, or its attributes as JSON")
    values: dict[str, Any] = {
        "stages": stages,
        "settings": _settings(settings),
        "tasks": [_keys(keys) if keys else _partition(session)],
        "lake": lake,
        "force": force,
    }
    return StageRequest.model_validate(values)


def _settings(given: str) -> dict[str, Any]:
    return settings_of(json.loads(given)) if given.lstrip().startswith("{") else read_settings(Path(given))


def _keys(options: Sequence[str]) -> list[str]:
    """Read keys as they are, from JSON, or from files."""
    found: list[str] = []
    for option in options:
        text = Path(option[1:]).read_text(encoding="utf-8") if option.startswith("@") else option
        found += _listed(text) if text.lstrip().startswith("[") or option.startswith("@") else [text]
    return found


def _listed(text: str) -> list[str]:
    keys = json.loads(text)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError('--keys as JSON are a list of shard keys: ["part-0", "part-1"]')
    return keys


def _partition(session: PipesContext | None) -> list[str]:
    """Return the partition of the Dagster step that this process belongs to."""
    if session is None or not session.is_partition_step:
        raise ValueError("name the shards with --keys; `prox shards` lists those that the lake knows")
    scope = session.partition_key_range
    if scope["start"] != scope["end"]:
        raise ValueError(
            f"the step is about shards from {scope['start']} to {scope['end']}, and Pipes does not say which are in "
            'between: name them with --keys, such as ["part-0", "part-1"]'
        )
    return [scope["start"]]
