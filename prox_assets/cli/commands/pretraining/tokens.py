"""`prox tokens`: token files that trainers read."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError
from rich import box
from rich.markup import escape
from rich.table import Table

from prox_assets.cli.console import console, errors, fail, plain_errors, say, warn
from prox_assets.cli.options import ALL, LakeOption, assignments, number_or_all
from prox_assets.cli.views.progress import progress_on
from prox_assets.lake.lake import Lake
from prox_assets.machine.capacity import capacity
from prox_assets.stages.running.pipeline import UnexpectedError
from prox_assets.stages.settings import described
from prox_assets.tokens.folder import folder_of
from prox_assets.tokens.manifest import TokenManifest, TokenShard
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.writing.workers import TokensResult, write_all
from prox_assets.tokens.writing.write import write_manifest


@plain_errors()
def tokens(
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the token files: lower-case letters, digits, underscores.")
    ] = None,
    corpus: Annotated[
        list[str] | None, typer.Option("--corpus", help="A corpus of the lake; repeatable, each is a source.")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="refined (what refining left, the default) or documents (raw text).")
    ] = None,
    proof: Annotated[str | None, typer.Option("--proof", help="A proof, of which --arm names an arm.")] = None,
    arm: Annotated[str | None, typer.Option("--arm", help="The arm whose documents are tokenised.")] = None,
    proofs: Annotated[
        str | None, typer.Option("--proofs", help="Folder of all proofs.", envvar="PROX_PROOFS", show_default="proofs")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", help="Folder, tokenizer.json, or name of a model on the hub.")
    ] = None,
    end_of_text: Annotated[
        str | None, typer.Option("--end-of-text", help="Token that ends every document; by default the tokenizer's.")
    ] = None,
    bos: Annotated[
        bool | None, typer.Option("--bos/--no-bos", help="Whether documents begin with a BOS token; by default not.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="megatron, datatrove, olmo_core (one token file for all three), parquet_packed, parquet_documents, "
            "litgpt; repeatable. By default the first three.",
        ),
    ] = None,
    sequence_length: Annotated[
        int | None, typer.Option("--sequence-length", help="Tokens of a sequence; 2,048 by default.")
    ] = None,
    litgpt_sequences: Annotated[
        int | None, typer.Option("--litgpt-sequences", help="Sequences of a file of litgpt; 1,024 by default.")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            metavar="NAME=SHARE",
            help="A split beside train, with the share of the sites that it gets, e.g. validation=0.01; repeatable.",
        ),
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", help="Column of the source with the site; by default the URL's host.")
    ] = None,
    shuffle: Annotated[
        bool | None, typer.Option("--shuffle/--no-shuffle", help="Shuffle documents within their shard; the default.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of shuffle and splits; 0 by default.")] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", help="Folder or URL to write to.", show_default="`_tokens/NAME` in the lake"),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", help="A defs.yaml with all of this as attributes; options given here go first."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            parser=number_or_all,
            metavar="N|all",
            help="Write N shards at a time, each in its own process. `all`: as many as the machine has cores and "
            "memory for.",
        ),
    ] = 1,
    lake: LakeOption = "lake",
) -> None:
    """Write token files that trainers read, from tables of the lake or from an arm of a proof.

    Files that are current are kept, and a killed run resumes where it stopped. Withdrawn documents are left out.
    docs/tokens.md says how each trainer reads the files.
    """
    given = {
        "name": name,
        "source": _source(corpus, table, proof, arm),
        "tokenizer": tokenizer,
        "end_of_text": end_of_text,
        "beginning_of_text": None if bos is None else ("document" if bos else "none"),
        "formats": formats or None,
        "sequence_length": sequence_length,
        "litgpt_sequences": litgpt_sequences,
        "splits": _splits(split) if split else None,
        "site": site,
        "shuffle": shuffle,
        "seed": seed,
        "to": to,
    }
    wanted = _settings(settings, {key: value for key, value in given.items() if value is not None})
    opened = Lake(lake)
    processes = capacity().workers if workers == ALL else workers
    run_id = f"prox-tokens-{uuid.uuid4().hex[:12]}"
    try:
        with progress_on(errors) as report:
            result = write_all(opened, wanted, run_id, proofs=proofs, workers=processes, report=report)
    except KeyboardInterrupt:
        say("stopped; shards that were finished are kept, and the same command resumes here")
        raise typer.Exit(130) from None
    if result.errors:
        for shard, error in result.errors.items():
            fail(f"{'/'.join(shard)}: {error}")
            if isinstance(error, UnexpectedError):
                errors.print(error.details, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    manifest = write_manifest(opened, wanted, proofs=proofs)
    _print(result, manifest, wanted)
    say(f"token files: {folder_of(opened, wanted).url}")


def _source(corpus: list[str] | None, table: str | None, proof: str | None, arm: str | None) -> dict[str, Any] | None:
    if (proof is None) != (arm is None):
        raise fail("an arm is named by --proof and --arm together")
    if proof is not None and corpus:
        raise fail("give --corpus, or --proof and --arm: token files have one kind of source")
    if proof is not None:
        return {"kind": "arm", "proof": proof, "arm": arm}
    if corpus:
        return {"kind": "table", "corpora": corpus, **({"table": table} if table is not None else {})}
    if table is not None:
        raise fail("--table goes with --corpus")
    return None


def _splits(options: list[str]) -> dict[str, Any]:
    try:
        return assignments(options)
    except ValueError as error:
        raise fail(f"--split: {error}") from error


def _settings(path: Path | None, given: dict[str, Any]) -> TokenSettings:
    values: dict[str, Any] = {}
    if path is not None:
        try:
            read = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise fail(f"{path} cannot be read as settings: {error}") from error
        attributes = read.get("attributes", read) if isinstance(read, dict) else None
        if not isinstance(attributes, dict):
            raise fail(f"{path} has no attributes: it should be a defs.yaml, or its attributes alone")
        values = {key: value for key, value in attributes.items() if key in TokenSettings.model_fields}
        _refuse_unknown(path, attributes.keys() - values.keys())
    values |= given
    missing = [f"--{option}" for option in ("name", "tokenizer") if option not in values]
    if "source" not in values:
        missing.append("--corpus (or --proof and --arm)")
    if missing:
        raise fail(f"{', '.join(missing)} missing: give it as an option, or by --settings FILE")
    try:
        return TokenSettings.model_validate(values)
    except ValidationError as error:
        raise fail(f"{path}: {described(error)}" if path is not None else described(error)) from error


def _refuse_unknown(path: Path, others: Set[str]) -> None:
    """Exit with code 1 if a file has keys that are neither settings nor what Dagster alone needs."""
    if not others:
        return
    from prox_assets.orchestration.settings.tokens import TokenAssetsSettings  # brings Dagster, which takes a second

    unknown = sorted(str(key) for key in others - TokenAssetsSettings.model_fields.keys())
    if unknown:
        raise fail(
            f"{path}: there is no setting {', '.join(unknown)}; there are {', '.join(TokenSettings.model_fields)}"
        )


def _print(result: TokensResult, manifest: TokenManifest, settings: TokenSettings) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("source", overflow="fold")
    table.add_column("split")
    for column in ("documents", "tokens", "characters per token"):
        table.add_column(column, justify="right")
    groups: dict[tuple[str, str], list[TokenShard]] = defaultdict(list)
    for shard in manifest.shards:
        groups[shard.corpus, shard.split].append(shard)
    for (corpus, split), shards in groups.items():
        table.add_row(escape(corpus), split, *_cells(shards))
    if len(groups) > 1:
        table.add_section()
        table.add_row("all", "", *_cells(manifest.shards))
    console.print(table)
    left_out = sum(shard.withdrawn for shard in result.shards)
    if left_out:
        say(f"left out because they are withdrawn: {left_out:,} documents")
    for format_ in sorted({"parquet_packed", "litgpt"}.intersection(settings.formats)):
        lost = _all_tokens(manifest) - _tokens_of(manifest, format_)
        if lost:
            what = "sequence" if format_ == "parquet_packed" else "file (--litgpt-sequences)"
            warn(f"{format_} leaves out {lost:,} tokens, at the ends of shards, that fill no whole {what}")
    if all(shard.was_current for shard in result.shards):
        say("everything was current; there was nothing to do")


def _cells(shards: Iterable[TokenShard]) -> list[str]:
    documents, tokens, characters = (
        sum(column) for column in zip(*((s.documents, s.tokens, s.characters) for s in shards), strict=True)
    )
    return [f"{documents:,}", f"{tokens:,}", f"{characters / tokens:.2f}"]


def _all_tokens(manifest: TokenManifest) -> int:
    return sum(shard.tokens for shard in manifest.shards)


def _tokens_of(manifest: TokenManifest, format_: str) -> int:
    return sum(file.tokens or 0 for shard in manifest.shards for file in shard.files if file.format == format_)
