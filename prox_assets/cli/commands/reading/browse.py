"""`prox browse`: pages over a lake, for reading documents in a browser."""

from typing import Annotated

import typer
from pydantic import ValidationError

from prox_assets.cli.console import fail, plain_errors, say, warn
from prox_assets.cli.options import LakeOption
from prox_assets.cli.settings_files import SettingsOption, settings_files
from prox_assets.lake.lake import Lake
from prox_assets.stages.settings import described


@plain_errors()
def browse(
    lake: LakeOption = "lake",
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 3001,
    dagster_url: Annotated[
        str | None,
        typer.Option(
            "--dagster-url",
            metavar="URL",
            help="Dagster's UI, to link runs and partitions to it; overrides `dagster_url` of --settings.",
        ),
    ] = None,
    judge: Annotated[
        str | None, typer.Option("--judge", metavar="NAME", help="Who judges; the name of the user by default.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Another name of the server, as behind a proxy; repeatable."),
    ] = None,
    settings: SettingsOption = None,
) -> None:
    """Serve pages over a lake: corpora, shards, documents, the report, two refiners side by side, a sample to judge.

    The pages write nothing to the lake but judgements. They have no login: whoever reaches the server reads every
    document. It listens on loopback only, unless `--host` says otherwise.
    """
    # Web frameworks cost a third of a second, which other commands need not pay.
    from prox_assets.browser.serve import is_loopback, serve
    from prox_assets.browser.settings import Browser, user_name

    files = settings_files(settings)
    opened = Lake(lake)
    files.corpora(opened, None)
    try:
        watched = files.watched if dagster_url is None else files.watched.with_dagster_url(dagster_url)
    except ValidationError as error:
        raise fail(described(error).replace("dagster_url", "--dagster-url", 1)) from error
    browser = Browser(opened, judge or user_name(), watched)
    if not is_loopback(host):
        warn(
            f"the pages have no login. Everyone who reaches {host}:{port} can read every document of the lake and "
            "judge under any name; put a proxy with a login in front, or listen on 127.0.0.1"
        )
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{port} shows the lake {opened.url}; Ctrl-C stops")
    try:
        serve(browser, host, port, allow_host or ())
    except OSError as error:
        raise fail(f"cannot listen on {shown}:{port}: {error}. Choose another --port") from error
