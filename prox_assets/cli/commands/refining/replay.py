"""`prox replay`: execute stored programs again, without a model, and compare with the stored results."""

import dataclasses
import json
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table as Grid
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, errors, fail, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption, PolicyOption, corpora_of, policy_values
from prox_assets.cli.views.progress import progress_on
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.previews import CHARACTERS_PER_LINE
from prox_assets.programs import EXECUTOR_VERSION, ExecutionPolicy
from prox_assets.programs.policy import Mode
from prox_assets.stages.execution.shard_replay import COUNTS, Difference, Replay, replay_shard
from prox_assets.stages.running.pipeline import EXPECTED_ERRORS, Report


@plain_errors()
def replay(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Annotated[list[str] | None, typer.Option("--shard", help="Only this shard; may be repeated.")] = None,
    policy: PolicyOption = None,
    mode: Annotated[Mode | None, typer.Option("--mode", help="Execute in this mode.")] = None,
    limit_examples: Annotated[int, typer.Option(min=0, help="Documents to show for each kind of difference.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Execute stored programs again, without a model, and compare with the stored results. Writes nothing.

    By default, each shard is replayed under its stored policy, and every document must come out with its stored outcome
    and hash. With --policy or --mode, the comparison shows what executing the shards that way would change.

    Exits with 1 if a shard cannot be replayed (a file is damaged, missing or stale), or if a document differs although
    neither --policy nor --mode is given.
    """
    try:
        changes = policy_values(policy) | ({} if mode is None else {"mode": mode})
    except ValueError as error:
        raise fail(str(error)) from error
    found: dict[str, Replay] = {}
    problems: list[str] = []
    opened = Lake(lake)
    for name in corpora_of(opened, corpus):
        shards = _shards(opened, name, shard)
        if shards:
            found[name] = Replay()
            with progress_on(errors) as report:
                problems += _replay(opened, name, shards, found[name], changes, limit_examples, report)
    if not found:
        which = f"no shard {', '.join(shard)}" if shard else "no shard"
        raise fail(f"{which} has been read into the lake {lake}; `prox refine` reads shards")
    if as_json:
        corpora = {name: _as_json(result) for name, result in found.items()}
        print(json.dumps({"corpora": corpora, "errors": problems}, indent=1))
    else:
        for name, result in found.items():
            _show(name, result, changes)
    for problem in problems:
        fail(problem)
    if problems or (not changes and any(result.different for result in found.values())):
        raise typer.Exit(1)


def _shards(lake: Lake, corpus: str, wanted: list[str] | None) -> list[str]:
    # List shards by their documents, so that a shard without outcomes is reported instead of skipped.
    present = lake.shards(corpus, Table.DOCUMENTS)
    return present if wanted is None else [key for key in present if key in wanted]


def _replay(
    lake: Lake,
    corpus: str,
    shards: list[str],
    found: Replay,
    changes: dict[str, Any],
    examples: int,
    report: Report,
) -> list[str]:
    """Replay shard by shard; return the problems of shards that could not be replayed."""

    def change(policy: ExecutionPolicy) -> ExecutionPolicy:
        return policy.with_settings(**changes)

    problems: list[str] = []
    for key in shards:
        try:
            replay_shard(lake, corpus, key, found, change, examples=examples, progress=report("replay", key))
        except EXPECTED_ERRORS as error:
            problems.append(f"{corpus}/{key}: {error}")
        except ValueError as error:  # the changes do not fit the stored policy
            raise fail(f"{corpus}/{key}: {error}") from error
    return problems


def _show(corpus: str, result: Replay, changes: dict[str, Any]) -> None:
    rules = ", ".join(f"{name}={value}" for name, value in changes.items()) or "the stored rules"
    say(f"corpus {corpus}, replayed under {rules}")
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("stored outcome", "replayed outcome"):
        grid.add_column(name)
    grid.add_column("documents", justify="right")
    grid.add_row("all", "", f"{result.documents:,}")
    grid.add_row("equal", "", f"{result.equal:,}")
    for transition, count in result.differences.most_common():
        replayed = "another text" if transition.stored == transition.replayed else transition.replayed
        grid.add_row(transition.stored, replayed, f"{count:,}")
    console.print(grid)
    say(_characters(result))
    for note in _notes(result, changes):
        say(note)
    for example in result.examples:
        for line in _example_lines(example):
            console.print(line, soft_wrap=True)


def _characters(result: Replay) -> str:
    text = f"characters kept: {result.characters_stored:,} stored, {result.characters_replayed:,} replayed"
    if result.characters_stored:
        text += f" ({result.characters_replayed / result.characters_stored - 1:+.2%})"
    return text


def _notes(result: Replay, changes: dict[str, Any]) -> list[str]:
    notes: list[str] = []
    if result.not_inferred:
        floors = ", ".join(map(str, sorted(result.chunk_floors)))
        notes.append(
            f"{result.not_inferred:,} documents would be kept but have no chunk programs, since their keep probability "
            f"is below chunk_floor {floors}; they count as empty here. To see what becomes of them, lower chunk_floor "
            "and materialize chunk_programs."
        )
    if result.reasons_changed:
        notes.append(f"{result.reasons_changed:,} of the equal documents give another reason for their outcome")
    others = sorted(version for version in result.executor_versions if version != EXECUTOR_VERSION)
    if others:
        notes.append(
            f"some results were stored by executor version {', '.join(map(str, others))}, so differences may come from "
            f"the installed version {EXECUTOR_VERSION}; materialize refined_shards to have its results"
        )
    if result.different and not changes:
        notes.append("the stored results are not what the programs give; materialize refined_shards again")
    return notes


def _example_lines(example: Difference) -> list[Text]:
    before, after = example.transition
    title = f"{example.doc_id}  {before} -> {after if after != before else 'another text'}"
    sizes = f"{example.characters_stored:,} -> {example.characters_replayed:,} characters"
    reason = f"  ({printable(example.reason)})" if example.reason else ""
    lines = [Text(), Text.assemble((title, "bold"), f"  {sizes}{reason}  {printable(example.url or '')}")]
    if example.first_difference is not None:
        stored, replayed = (printable(line)[:CHARACTERS_PER_LINE] for line in example.first_difference)
        lines += [Text(f"-{stored}", style="red"), Text(f"+{replayed}", style="green")]
    return lines


def _as_json(result: Replay) -> dict[str, Any]:
    return {
        **{name: getattr(result, name) for name in ("different", *COUNTS)},
        "differences": [
            {**transition._asdict(), "documents": count} for transition, count in result.differences.most_common()
        ],
        "chunk_floors": sorted(result.chunk_floors),
        "executor_versions": sorted(result.executor_versions),
        "examples": [
            dataclasses.asdict(example) | {"transition": example.transition._asdict()} for example in result.examples
        ],
    }
