"""Options that several commands share, and how they become a RefinementPlan."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console

from prox_assets.corpora.source import ColumnMapping, CorpusSource, FormatName
from prox_assets.engines.config import ENGINE_CONFIG
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.presets import PRESETS, preset
from prox_assets.stages.plan import RefinementPlan

console = Console()
errors = Console(stderr=True)

Level = Literal["doc", "chunk", "both"]

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="Files, folders, globs or URLs (s3://, gs://, hf://datasets/...)."),
]
CorpusName = Annotated[
    str | None,
    typer.Option("--corpus", help="Name of the corpus in the lake; by default made from the first input's name."),
]
Format = Annotated[
    FormatName, typer.Option("--format", help="Layout of the files; auto decides file by file.", case_sensitive=False)
]
TextColumn = Annotated[str | None, typer.Option(help="Column of the text, for generic jsonl and parquet files.")]
UrlColumn = Annotated[str | None, typer.Option(help="Column of the address, for generic jsonl and parquet files.")]
RowsPerShard = Annotated[int | None, typer.Option(min=1, help="Cut larger files into shards of this many rows.")]
Refiner = Annotated[
    str,
    typer.Option(
        "--refiner",
        help=f"A preset ({', '.join(sorted(PRESETS))}), or a YAML file with both refiners (`doc:` and `chunk:`).",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        help="How models are run: transformers, vllm, server:URL, or a YAML file with the engine's settings.",
    ),
]
EngineOption = Annotated[
    list[str] | None,
    typer.Option("--engine-option", metavar="NAME=VALUE", help="One setting of the engine, e.g. dtype=float32."),
]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option("--policy", metavar="NAME=VALUE", help="One setting of the execution, e.g. doc_keep_threshold=0.7."),
]
LevelOption = Annotated[Level, typer.Option("--level", help="Refine at one level only; the other keeps everything.")]


def build_plan(
    inputs: list[str],
    corpus: str | None,
    format_name: FormatName,
    columns: tuple[str | None, str | None],
    rows_per_shard: int | None,
    refiner: str,
    engine: str,
    engine_options: list[str] | None,
    policy_options: list[str] | None,
    level: Level,
) -> RefinementPlan:
    """Turn what was typed into a plan; exit with code 1 and a plain message when it does not make sense."""
    text, url = columns
    mapping: dict[str, Any] = {key: value for key, value in (("text", text), ("url", url)) if value is not None}
    try:
        source = CorpusSource(
            name=corpus or corpus_name(inputs[0]),
            urls=inputs,
            format=format_name,
            columns=ColumnMapping(**mapping) if mapping else None,
            rows_per_shard=rows_per_shard,
        )
        return RefinementPlan(
            source=source,
            refiners=_at_level(load_refiners(refiner), level),
            policy=ExecutionPolicy(**_assignments(policy_options)),
            engine=ENGINE_CONFIG.validate_python(_engine_settings(engine, engine_options)),
        )
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise fail(details) from error
    except (RefinerError, ValueError, TypeError, OSError, yaml.YAMLError) as error:
        raise fail(str(error)) from error


def fail(message: str) -> typer.Exit:
    """Print an error and return the exit with code 1, to be raised."""
    errors.print(f"[bold red]error:[/] {message}", markup=True, highlight=False, soft_wrap=True)
    return typer.Exit(1)


def corpus_name(url: str) -> str:
    """Make a corpus name from an input: the file's stem, or the folder before a wildcard."""
    parts = [part for part in re.split(r"[/\\]", url.rstrip("/")) if part and not re.search(r"[*?\[]", part)]
    stem = parts[-1].split(".")[0] if parts else ""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"corpus_{name}".rstrip("_")


def load_refiners(refiner: str) -> RefinerPair:
    """Return a preset, or the refiners that a YAML file describes."""
    if Path(refiner).suffix in (".yaml", ".yml"):
        settings = yaml.safe_load(Path(refiner).read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise RefinerError(f"{refiner} must hold a mapping with doc: and chunk:")
        return RefinerPair.model_validate({"name": Path(refiner).stem, **settings})
    return preset(refiner)


def _at_level(refiners: RefinerPair, level: Level) -> RefinerPair:
    if level == "both":
        return refiners
    other = "chunk" if level == "doc" else "doc"
    return RefinerPair.model_validate({**refiners.model_dump(), other: None})


def _engine_settings(engine: str, options: list[str] | None) -> dict[str, Any]:
    if Path(engine).suffix in (".yaml", ".yml"):
        settings = yaml.safe_load(Path(engine).read_text(encoding="utf-8"))
    elif engine.startswith("server:"):
        settings = {"kind": "server", "base_url": engine.removeprefix("server:")}
    else:
        settings = {"kind": engine}
    return {**settings, **_assignments(options)}


def _assignments(options: list[str] | None) -> dict[str, Any]:
    """Read NAME=VALUE pairs; values are YAML, so that numbers and booleans are what they look like."""
    values: dict[str, Any] = {}
    for option in options or ():
        name, separator, value = option.partition("=")
        if not separator:
            raise ValueError(f"{option!r} is not of the form NAME=VALUE")
        values[name.replace("-", "_")] = yaml.safe_load(value)
    return values
