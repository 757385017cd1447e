"""`prox gc`: list what of a lake nothing needs, and remove it."""

import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import ByteSize

from prox_assets.cli.console import plain_errors, say, warn
from prox_assets.cli.options import LakeOption
from prox_assets.housekeeping.garbage.collect import collect
from prox_assets.housekeeping.garbage.files import Garbage, Kind, Limits
from prox_assets.housekeeping.garbage.find import find_garbage
from prox_assets.lake.lake import Lake


@plain_errors()
def gc(
    lake: LakeOption = "lake",
    older_than: Annotated[
        float, typer.Option("--older-than", min=0, help="Hours: what was written later is left alone.")
    ] = 24.0,
    history_days: Annotated[
        float | None,
        typer.Option("--history-days", min=0, help="Also remove older rows of metrics' histories."),
    ] = None,
    history_rows: Annotated[
        int | None, typer.Option("--history-rows", min=1, help="Also remove all but a shard's latest rows of history.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it; without this, it is only listed.")] = False,
) -> None:
    """List what of a lake nothing needs, and why; with --yes, remove it.

    Old compactions, histories past a limit, files that no manifest names, windows of finished shards, leases and
    temporary files of dead runs, caches, leftovers of exports. Never what a manifest names, nor what a live run holds.
    """
    opened = Lake(lake)
    now = datetime.now(UTC)
    limits = Limits(now, timedelta(hours=older_than), history_days, history_rows)
    found: defaultdict[Kind, list[Garbage]] = defaultdict(list)
    for garbage in find_garbage(opened, limits):
        found[garbage.kind].append(garbage)
    if not found:
        say(f"nothing in {lake} is garbage")
        return
    run_id = f"prox-gc-{uuid.uuid4().hex[:12]}"
    freed = 0
    for kind, pieces in found.items():
        say(f"{kind}: {len(pieces):,}, {_bytes(sum(each.size for each in pieces))}")
        for garbage in pieces:
            say(f"  {garbage.path} ({_bytes(garbage.size)}): {garbage.why}")
            if yes:
                left = collect(opened, garbage, limits, run_id)
                if left is not None:
                    warn(f"{garbage.path} is left alone: {left}")
                else:
                    freed += garbage.size
    total = sum(each.size for pieces in found.values() for each in pieces)
    say(f"{_bytes(freed)} freed" if yes else f"{_bytes(total)} in all; `prox gc --yes` removes it")


def _bytes(size: int) -> str:
    return ByteSize(size).human_readable(decimal=True)
