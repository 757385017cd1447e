"""`prox shards`: list a corpus's shards and the state of each."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from prox_assets.cli.console import console, fail, plain_errors, say, warn
from prox_assets.cli.options import CorpusOption, LakeOption
from prox_assets.cli.plan_options import plan_of
from prox_assets.cli.settings_files import SettingsOption, settings_files
from prox_assets.cli.views.staleness import print_staleness
from prox_assets.lake.lake import Lake
from prox_assets.stages.reading.discovery import discover_shards, known_shards
from prox_assets.stages.states.shard_states import ShardState, State, shard_states
from prox_assets.stages.states.staleness import staleness

_COLOURS = {State.STALE: "yellow", State.MISSING: "cyan"}
_FINGERPRINT_DIGITS = 8


@plain_errors()
def shards(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    settings: SettingsOption = None,
    discover: Annotated[
        bool,
        typer.Option("--discover", help="First list the sources of the corpora in --settings, and record new shards."),
    ] = False,
) -> None:
    """List the shards in a lake with the state of each.

    A stage is stale if its inputs or its source file have changed since. A shard is gone if its file had left the
    source when that was last listed; its results stay until `prox withdraw-shard`. With the --settings of a corpus, a
    stage is also stale if the corpus's configuration has changed: for each stage, how many shards are, why, and what
    making them again costs.
    """
    files = settings_files(settings)
    if files.others is not None:
        raise fail(f"{files.others} names no corpus: shards are judged by the configuration in a corpus's defs.yaml")
    opened = Lake(lake)
    if discover:
        if not files.paths:
            raise fail("--discover needs the --settings of a corpus, which say where its raw files are")
        for name, path in files.paths.items():
            if corpus in (None, name):
                _discover(opened, name, path)
    for name in files.named_corpora(opened, corpus):
        known = list(known_shards(opened, name).values())
        if name not in files.paths:
            console.print(_table(name, shard_states(opened, name, known, recall=True)))
            continue
        path = files.paths[name]
        say(f"corpus {name}: {len(known)} {'shard' if len(known) == 1 else 'shards'}, judged by {path}")
        print_staleness(staleness(opened, plan_of(path), known))


def _discover(lake: Lake, corpus: str, path: Path) -> None:
    found = discover_shards(lake, plan_of(path), f"prox-shards-{uuid.uuid4().hex[:12]}")
    for warning in found.warnings:
        warn(warning)
    shards = "shard" if len(found.shards) == 1 else "shards"
    say(f"corpus {corpus}: {len(found.shards):,} {shards} in the source, {len(found.added):,} new")


def _table(corpus: str, states: Sequence[ShardState]) -> Table:
    done = sum(all(state is State.DONE for state in shard.stages.values()) for shard in states)
    title = f"corpus {corpus}: {len(states)} {'shard' if len(states) == 1 else 'shards'}, {done} done"
    if gone := sum(state.shard.gone_since is not None for state in states):
        title += f", {gone} gone from the source"
    refiners = {_refiners(state) for state in states if state.doc_refiner}
    # Show refiners per shard only where they differ; shard keys need the width.
    mixed = len(refiners) > 1
    if len(refiners) == 1:
        title += f", refiners {refiners.pop()}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("shard", overflow="fold")
    table.add_column("documents", justify="right", no_wrap=True)
    for name in ("state", *(["refiners"] if mixed else []), "updated (UTC)"):
        table.add_column(name, no_wrap=True)
    for state in states:
        table.add_row(
            escape(state.shard.key),
            _documents(state),
            _first_open_stage(state) + _gone(state),
            *([_refiners(state)] if mixed else []),
            f"{state.updated:%Y-%m-%d %H:%M}" if state.updated else "-",
        )
    return table


def _gone(state: ShardState) -> str:
    since = state.shard.gone_since
    return f"[red], gone since {since:%Y-%m-%d}[/]" if since is not None else ""


def _refiners(state: ShardState) -> str:
    return " ".join((name or "-")[:_FINGERPRINT_DIGITS] for name in (state.doc_refiner, state.chunk_refiner))


def _documents(state: ShardState) -> str:
    if state.documents is None:
        return "-"
    return f"first {state.documents:,}" if state.limited else f"{state.documents:,}"


def _first_open_stage(state: ShardState) -> str:
    """Return the first stage that is not done; later stages wait for it."""
    for stage, stage_state in state.stages.items():
        if stage_state is not State.DONE:
            return f"[{_COLOURS[stage_state]}]{stage} {stage_state}[/]"
    return "[green]done[/]"
