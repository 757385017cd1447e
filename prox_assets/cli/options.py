"""Options that several commands share, and how to build a RefinementPlan from them."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.corpora.source import (
    DEFAULT_MAX_ROW_BYTES,
    DEFAULT_MAX_ROWS_PER_FILE,
    ColumnMapping,
    CorpusSource,
    FormatName,
)
from prox_assets.engines.config import (
    ENGINE_CONFIG,
    ServerEngineConfig,
    TransformersEngineConfig,
    VllmEngineConfig,
)
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.presets import PRESETS, named_refiners
from prox_assets.stages.plan import RefinementPlan

CORPUS_NAME_CHARACTERS = 64  # what CorpusSource.name allows

console = Console()
errors = Console(stderr=True)

_ENGINES = (TransformersEngineConfig, VllmEngineConfig, ServerEngineConfig)
_POLICY = TypeAdapter(ExecutionPolicy)
_DECIDED_BY_REFINER = ("dialect", "line_numbers")

Level = Literal["doc", "chunk", "both"]

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT", help="Files, folders, globs or URLs (s3://, gs://, hf://datasets/...)."),
]
CorpusName = Annotated[
    str | None,
    typer.Option("--corpus", help="Name of the corpus in the lake: a-z, 0-9, _. By default made from the first input."),
]
Format = Annotated[
    FormatName, typer.Option("--format", help="Layout of the files; auto decides file by file.", case_sensitive=False)
]
TextColumn = Annotated[str | None, typer.Option(help="Column of the text, for generic jsonl and parquet files.")]
UrlColumn = Annotated[str | None, typer.Option(help="Column of the address, for generic jsonl and parquet files.")]
RowsPerShard = Annotated[int | None, typer.Option(min=1, help="Cut larger files into shards of this many rows.")]
MaxRowBytes = Annotated[int, typer.Option(min=1, help="Longest row that is read, in bytes; longer ones are rejected.")]
MaxRowsPerFile = Annotated[int, typer.Option(min=1, help="Most rows of one file; a file with more is refused.")]
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
ChunkEngine = Annotated[
    str | None,
    typer.Option("--chunk-engine", help="How the chunk refiner's model is run, where that differs (a second server)."),
]
EngineOption = Annotated[
    list[str] | None,
    typer.Option("--engine-option", metavar="NAME=VALUE", help="One setting of the engine, e.g. dtype=float32."),
]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option("--policy", metavar="NAME=VALUE", help="One setting of the execution, e.g. doc_keep_threshold=0.7."),
]
WindowOption = Annotated[
    int | None,
    typer.Option(
        "--window", min=1, help="Documents per checkpoint of inference: what a kill can cost at most. [default: 256]"
    ),
]
LevelOption = Annotated[Level, typer.Option("--level", help="Refine at one level only; the other keeps everything.")]


def build_plan(
    inputs: list[str],
    corpus: str | None,
    format_name: FormatName,
    columns: tuple[str | None, str | None],
    rows_per_shard: int | None,
    refiner: str,
    engines: tuple[str, str | None],
    engine_options: list[str] | None,
    policy_options: list[str] | None,
    level: Level,
    window_documents: int | None = None,
    limits: tuple[int, int] = (DEFAULT_MAX_ROW_BYTES, DEFAULT_MAX_ROWS_PER_FILE),
) -> RefinementPlan:
    """Turn the options into a plan; exit with code 1 and a plain message when they are invalid."""
    text, url = columns
    mapping: dict[str, Any] = {key: value for key, value in (("text", text), ("url", url)) if value is not None}
    try:
        source = CorpusSource(
            name=corpus or corpus_name(inputs[0]),
            urls=inputs,
            format=format_name,
            columns=ColumnMapping(**mapping) if mapping else None,
            rows_per_shard=rows_per_shard,
            max_row_bytes=limits[0],
            max_rows_per_file=limits[1],
        )
        refiners = _at_level(load_refiners(refiner), level)
        return RefinementPlan(
            source=source,
            refiners=refiners,
            **({} if window_documents is None else {"window_documents": window_documents}),
            policy=refiners.policy(**policy_values(policy_options)),
            engine=ENGINE_CONFIG.validate_python(_engine_settings(engines[0], engine_options)),
            chunk_engine=None
            if engines[1] is None
            else ENGINE_CONFIG.validate_python(_engine_settings(engines[1], engine_options)),
        )
    except ValidationError as error:
        raise fail(explain(error)) from error
    except (RefinerError, ValueError, TypeError, OSError, yaml.YAMLError) as error:
        raise fail(str(error)) from error


def explain(error: ValidationError) -> str:
    """Describe a validation error in one line."""
    return "; ".join(_explain(item) for item in error.errors())


def _explain(item: ErrorDetails) -> str:
    if item["type"] == "string_pattern_mismatch" and item["loc"] == ("name",):
        return (
            f"--corpus {item['input']!r} cannot name a corpus: lower-case letters, digits and underscores, beginning "
            "with a letter"
        )
    place = ".".join(map(str, item["loc"]))
    return f"{place}: {item['msg']}" if place else item["msg"]


def fail(message: str) -> typer.Exit:
    """Print an error and return an exit with code 1 for the caller to raise."""
    # As text, not markup: paths and pydantic's messages contain brackets.
    errors.print(Text.assemble(("error: ", "bold red"), _harmless(message)), soft_wrap=True)
    return typer.Exit(1)


def say(message: str) -> None:
    """Print a sentence verbatim: names and paths contain brackets, which rich would take for markup."""
    console.print(_harmless(message), markup=False, highlight=False, soft_wrap=True)


def _harmless(message: str) -> str:
    """Remove control sequences: messages quote names and URLs of other people's files."""
    return "\n".join(map(printable, message.split("\n")))


def corpus_name(url: str) -> str:
    """Derive a corpus name from an input: the file's stem, or the folder before a wildcard."""
    parts = [part for part in re.split(r"[/\\]", url.rstrip("/")) if part and not re.search(r"[*?\[]", part)]
    stem = parts[-1].split(".")[0] if parts else ""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return (name if re.match(r"[a-z]", name) else f"corpus_{name}")[:CORPUS_NAME_CHARACTERS].rstrip("_")


def load_refiners(refiner: str) -> RefinerPair:
    """Load refiners from a preset, a folder or a YAML file."""
    if Path(refiner).suffix in (".yaml", ".yml"):
        settings = _read_mapping(refiner, "doc: and chunk:")
        return RefinerPair.model_validate({"name": Path(refiner).stem, **settings})
    return named_refiners(refiner)


def _at_level(refiners: RefinerPair, level: Level) -> RefinerPair:
    if level == "both":
        return refiners
    other = "chunk" if level == "doc" else "doc"
    return RefinerPair.model_validate({**refiners.model_dump(), other: None})


def _engine_settings(engine: str, options: list[str] | None) -> dict[str, Any]:
    if Path(engine).suffix in (".yaml", ".yml"):
        settings = _read_mapping(engine, "kind: and the engine's settings")
    elif engine.startswith("server:"):
        settings = {"kind": "server", "base_url": engine.removeprefix("server:")}
    else:
        settings = {"kind": engine}
    settings |= assignments(options)
    kinds: dict[str, type[BaseModel]] = {model.model_fields["kind"].default: model for model in _ENGINES}
    if settings.get("kind") not in kinds:
        raise ValueError(f"there is no engine {settings.get('kind')!r}; choose one of: {', '.join(kinds)}")
    names = kinds[settings["kind"]].model_fields
    unknown = sorted(settings.keys() - names.keys())
    if unknown:
        raise ValueError(
            f"the engine {settings['kind']} does not know {', '.join(unknown)}; it knows {', '.join(names)}"
        )
    return settings


def _read_mapping(path: str, keys: str) -> dict[str, Any]:
    settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must hold a mapping with {keys}")
    return settings


def policy_values(options: list[str] | None) -> dict[str, Any]:
    """Read the settings of --policy.

    Raises:
        ValueError: A setting is unknown, has the wrong type, is out of range, or is decided by the refiner.
    """
    values = assignments(options)
    names = [field.name for field in dataclasses.fields(ExecutionPolicy) if field.name not in _DECIDED_BY_REFINER]
    unknown = sorted(values.keys() - set(names))
    if unknown:
        raise ValueError(f"--policy does not know {', '.join(unknown)}; it knows {', '.join(names)}")
    checked = _POLICY.validate_python(values)
    return {name: getattr(checked, name) for name in values}


def assignments(options: Sequence[str] | None) -> dict[str, Any]:
    """Read NAME=VALUE pairs; values are parsed as YAML, so numbers and booleans keep their types.

    Raises:
        ValueError: An option does not have that form.
    """
    values: dict[str, Any] = {}
    for option in options or ():
        name, separator, value = option.partition("=")
        if not separator:
            raise ValueError(f"{option!r} is not of the form NAME=VALUE")
        values[name.replace("-", "_")] = yaml.safe_load(value)
    return values
