"""How the entry point tells its events: as JSON lines, and through Dagster Pipes where a Pipes client started it."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from dagster_pipes import (
    PipesContext,
    PipesDefaultMessageWriter,
    PipesEnvVarParamsLoader,
    open_dagster_pipes,
)

from prox_assets.placement.messages import LAKE, LakeMessageWriter
from prox_assets.placement.run import Event, Tell

PAYLOAD = "prox"
"""The key under which a custom message of Pipes holds an event, and under which its extras hold a request."""


@contextmanager
def pipes() -> Iterator[PipesContext | None]:
    """Yield the Pipes session of whoever started this process; None if that was no Pipes client."""
    loader = PipesEnvVarParamsLoader()
    if not loader.is_dagster_pipes_process():
        yield None
        return
    over_lake = LAKE in loader.load_messages_params()
    writer = LakeMessageWriter() if over_lake else PipesDefaultMessageWriter()
    with open_dagster_pipes(params_loader=loader, message_writer=writer) as session:
        yield session


def told_to(lines: TextIO, session: PipesContext | None) -> Tell:
    """Return what writes events as lines, and tells the Pipes session, too."""

    def tell(event: Event) -> None:
        print(json.dumps(event), file=lines, flush=True)
        if session is not None:
            _tell_pipes(session, event)

    return tell


def _tell_pipes(session: PipesContext, event: Event) -> None:
    match event["event"]:
        case "started":
            devices = f", devices {event['devices']}" if event["devices"] else ""
            session.log.info(
                f"{', '.join(event['stages'])} of {len(event['shards'])} shards on {event['host']}{devices}"
            )
        case "progress":
            session.log.info(f"{event['shard']}: {event['done']} of {event['total']} documents")
        case "failed":
            session.log.error(f"{event['shard']}: {event['stage']} failed: {event['details'] or event['error']}")
    if event["event"] != "progress":
        session.report_custom_message({PAYLOAD: dict(event)})


@contextmanager
def standard_output_for_events() -> Iterator[TextIO]:
    """Yield standard output, and lead whatever else writes to it to standard error until the block ends.

    Libraries and processes of an engine print what they like; a reader of JSON lines wants events alone.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as lines:
            yield lines
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def request_in(session: PipesContext | None) -> dict[str, Any] | None:
    """Return the request that a launcher has put into the session's extras, if any."""
    return None if session is None else session.extras.get(PAYLOAD)
