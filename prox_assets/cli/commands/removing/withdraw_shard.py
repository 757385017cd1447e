"""`prox withdraw-shard`: remove a shard from the lake, and its partition from Dagster."""

import os
import uuid
from typing import Annotated

import typer

from prox_assets.cli.console import fail, plain_errors, say
from prox_assets.cli.options import LakeOption
from prox_assets.lake.lake import Lake
from prox_assets.stages.reading.discovery import known_shard
from prox_assets.stages.withdrawal.shards import withdraw_shard as withdraw


@plain_errors()
def withdraw_shard(
    shard: Annotated[str, typer.Argument(metavar="SHARD", help="Key of the shard, as `prox shards` lists it.")],
    corpus: Annotated[str, typer.Option("--corpus", help="The corpus that it belongs to.")],
    lake: LakeOption = "lake",
    dagster: Annotated[
        bool, typer.Option("--dagster", help="Also delete its partition from the Dagster instance in DAGSTER_HOME.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even if its file is still in the source, or its record is damaged.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove all that the lake holds about a shard: documents, programs, refined text, metrics, their history.

    For shards whose file has left the source (`prox shards` says since when). Programs are gone with the rest: a shard
    that comes back is inferred anew. Refuses while a run is writing the shard; with --dagster, while any run or
    backfill of the corpus is under way.
    """
    opened = Lake(lake)
    if not force:
        known_shard(opened, corpus, shard)
    if not yes and not typer.confirm(f"Remove shard {shard!r} of corpus {corpus!r} from the lake {lake} for good?"):
        raise typer.Exit(1)
    run_id = f"prox-withdraw-{uuid.uuid4().hex[:12]}"
    if not dagster:
        withdraw(opened, corpus, shard, run_id, even_if_in_source=force)
        say(f"{shard} is withdrawn; `prox report` and `prox catalog build` forget it when they are written again")
        say(f"in Dagster its partition stays: {_dagster_remedy(corpus, shard)}")
        return
    if not os.environ.get("DAGSTER_HOME"):
        raise fail("--dagster needs DAGSTER_HOME, the folder of the Dagster instance; nothing was removed")
    # Dagster takes 1.4 s to import.
    import dagster as dg

    from prox_assets.orchestration.withdrawal import forget_shard, require_idle

    with dg.DagsterInstance.get() as instance:
        require_idle(instance, corpus)
        withdraw(opened, corpus, shard, run_id, even_if_in_source=force)
        there = forget_shard(instance, corpus, shard)
    say(f"{shard} is withdrawn{'' if there else '; Dagster had no partition of it'}")
    say(f"materialize {corpus}/catalog and {corpus}/refinement_report, or wait for their schedule: they still show it")


def _dagster_remedy(corpus: str, shard: str) -> str:
    return (
        f"run this with --dagster where DAGSTER_HOME is, or delete the partition {shard!r} of "
        f"{corpus}_shards there by hand"
    )
