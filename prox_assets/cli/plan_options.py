"""The options that describe a corpus and its refinement, and the plan that they make."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import typer
import yaml
from pydantic import BaseModel, ValidationError
from typer.models import ArgumentInfo

from prox_assets.cli.console import fail
from prox_assets.cli.options import PolicyOption, assignments, declare, policy_values
from prox_assets.corpora.source import FormatName
from prox_assets.engines.config import ENGINE_CONFIGS
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.presets import NAMES_IN_WORDS, named_refiners
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.settings import RefinementSettings, described

CORPUS_NAME_CHARACTERS = 64  # what CorpusSource.name allows

Level = Literal["doc", "chunk", "both"]


class Planned(NamedTuple):
    """A plan, and what the user said.

    Attributes:
        plan: The plan.
        is_named: The user named the corpus; otherwise it is named after the first input.
        is_whole: The files are those of a defs.yaml; otherwise some that the command names.
    """

    plan: RefinementPlan
    is_named: bool
    is_whole: bool


def _setting(key: str, *names: str, **options: Any) -> Any:  # noqa: ANN401 (typer's own)
    """Return the option for a setting of a corpus, with that setting's description and default."""
    field = RefinementSettings.model_fields[key]
    default = f" [default: {field.default}]" if isinstance(field.default, str | int) else ""
    return typer.Option(*names, help=f"{field.description}{default}", **options)


def planned(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="INPUT", help=RefinementSettings.model_fields["urls"].description)
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="A corpus's defs.yaml, read as Dagster reads it; options override what it says.",
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", help="Name of the corpus: a-z, 0-9 and _. By default derived from the first input."),
    ] = None,
    refiner: Annotated[
        str | None,
        typer.Option(
            "--refiner",
            help=f"A preset ({NAMES_IN_WORDS}), a folder of the refiner lab, or a YAML "
            "file with both refiners (`doc:` and `chunk:`). [default: rules]",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            help="How models are run: transformers, vllm, server:URL, or a YAML file with the engine's settings. "
            "[default: transformers]",
        ),
    ] = None,
    chunk_engine: Annotated[str | None, _setting("chunk_engine", "--chunk-engine")] = None,
    engine_option: Annotated[
        list[str] | None,
        typer.Option("--engine-option", metavar="NAME=VALUE", help="A setting of the engines, e.g. dtype=float32."),
    ] = None,
    policy: PolicyOption = None,
    level: Annotated[
        Level, typer.Option("--level", help="Refine at this level only; the other level keeps everything.")
    ] = "both",
    text_column: Annotated[
        str | None, typer.Option(help="Column of the text in generic jsonl and parquet files. [default: text]")
    ] = None,
    url_column: Annotated[
        str | None, typer.Option(help="Column of the address in generic jsonl and parquet files. [default: url]")
    ] = None,
    format: Annotated[FormatName | None, _setting("format", "--format", case_sensitive=False)] = None,  # noqa: A002
    shard_bytes: Annotated[str | None, _setting("shard_bytes", metavar="SIZE")] = None,
    rows_per_shard: Annotated[int | None, _setting("rows_per_shard", min=1)] = None,
    window_documents: Annotated[int | None, _setting("window_documents", "--window", min=1)] = None,
    max_row_bytes: Annotated[int | None, _setting("max_row_bytes", min=1)] = None,
    max_rows_per_file: Annotated[int | None, _setting("max_rows_per_file", min=1)] = None,
) -> Planned:
    """Turn options into a plan; exit with code 1 and a plain message if they are invalid."""
    given = {
        "urls": inputs,
        "format": format,
        "shard_bytes": shard_bytes,
        "rows_per_shard": rows_per_shard,
        "window_documents": window_documents,
        "max_row_bytes": max_row_bytes,
        "max_rows_per_file": max_rows_per_file,
    }
    try:
        values = read_settings(settings) if settings is not None else {}
        values |= {key: value for key, value in given.items() if value}
        if "urls" not in values:
            raise ValueError("name the raw files: INPUT, or --settings with a file that has `urls:`")
        columns = {key: name for key, name in (("text", text_column), ("url", url_column)) if name is not None}
        if columns:
            values["columns"] = {**(values["columns"].model_dump() if values.get("columns") else {}), **columns}
        named = corpus or values.get("corpus")
        values["corpus"] = named or corpus_name(values["urls"][0])
        values["refiners"] = _at_level(_refiners(refiner or values.get("refiners", "rules")), level)
        values["engine"] = _engine_settings(engine or values.get("engine", "transformers"), engine_option)
        if chunk_engine or values.get("chunk_engine"):
            values["chunk_engine"] = _engine_settings(chunk_engine or values["chunk_engine"], engine_option)
        values["policy"] = {**values.get("policy", {}), **policy_values(policy)}
        return Planned(RefinementSettings.model_validate(values).plan, named is not None, not inputs)
    except ValidationError as error:
        raise fail(described(error)) from error
    except (RefinerError, ValueError, TypeError, OSError, yaml.YAMLError) as error:
        raise fail(str(error)) from error


_OF_ONE_CORPUS = ("corpus", "refiner")


@dataclass(frozen=True)
class PlanMaker:
    """The options of `planned` but two; called with a corpus and its refiners, it makes the plan."""

    given: Mapping[str, Any]

    def __call__(self, corpus: str, refiner: str) -> Planned:
        """Return the plan of a corpus; exits as `planned` does."""
        return planned(corpus=corpus, refiner=refiner, **self.given)

    def said(self) -> list[str]:
        """Return the options that were given, as the command line spells them."""
        return [
            _spelled(option)
            for option in signature(planned).parameters.values()
            if self.given.get(option.name, option.default) not in (option.default, [])
        ]


def _spelled(option: Parameter) -> str:
    """Return how the command line spells an option: INPUT, --window."""
    _, info = get_args(option.annotation)
    if isinstance(info, ArgumentInfo):
        return str(info.metavar)
    # In an annotation, typer takes the first name for the default until it makes the command.
    names = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    return names[0] if names else f"--{option.name.replace('_', '-')}"


def planned_with(**given: Any) -> PlanMaker:  # noqa: ANN401 (options of `planned`)
    """Take the options of `planned` but two; return what makes the plan of a corpus, given it and its refiners."""
    return PlanMaker(given)


declare(planned_with, [each for each in signature(planned).parameters.values() if each.name not in _OF_ONE_CORPUS])


def plan_of(path: Path) -> RefinementPlan:
    """Return the plan of a corpus's defs.yaml; exit with code 1 and a plain message if it is invalid."""
    try:
        return RefinementSettings.model_validate(read_settings(path)).plan
    except ValidationError as error:
        raise fail(f"{path}: {described(error)}") from error
    except (RefinerError, ValueError, TypeError, OSError, yaml.YAMLError) as error:
        raise fail(str(error)) from error


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings that a corpus's defs.yaml sets and that concern its refinement.

    Raises:
        ValueError: A setting is invalid, or the file is not a mapping.
        OSError: The file cannot be read.
        YAMLError: It is not YAML.
    """
    attributes = _read_mapping(path, "attributes: of a corpus")
    try:
        return settings_of(attributes.get("attributes", attributes))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def settings_of(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the settings among a corpus's attributes that are set and concern its refinement.

    Raises:
        ValueError: A setting is invalid.
    """
    from prox_assets import RefinedCorpus  # brings Dagster, which other commands should not wait for

    settings = RefinedCorpus.from_attributes_dict(attributes=attributes).settings
    return {
        name: getattr(settings, name) for name in settings.model_fields_set & RefinementSettings.model_fields.keys()
    }


def corpus_name(url: str) -> str:
    """Derive a corpus name from an input: the file's stem, or the folder before a wildcard."""
    parts = [part for part in re.split(r"[/\\]", url.rstrip("/")) if part and not re.search(r"[*?\[]", part)]
    stem = parts[-1].split(".")[0] if parts else ""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return (name if re.match(r"[a-z]", name) else f"corpus_{name}")[:CORPUS_NAME_CHARACTERS].rstrip("_")


def _refiners(refiner: str | RefinerPair) -> RefinerPair:
    """Load refiners from a preset, a folder or a YAML file."""
    if isinstance(refiner, RefinerPair):
        return refiner
    if Path(refiner).suffix in (".yaml", ".yml"):
        settings = _read_mapping(Path(refiner), "doc: and chunk:")
        return RefinerPair.model_validate({"name": Path(refiner).stem, **settings})
    return named_refiners(refiner)


def _at_level(refiners: RefinerPair, level: Level) -> RefinerPair:
    if level == "both":
        return refiners
    other = "chunk" if level == "doc" else "doc"
    return RefinerPair.model_validate({**refiners.model_dump(), other: None})


def _engine_settings(engine: str | BaseModel, options: list[str] | None) -> dict[str, Any]:
    if isinstance(engine, BaseModel):
        settings = engine.model_dump()
    elif Path(engine).suffix in (".yaml", ".yml"):
        settings = _read_mapping(Path(engine), "kind: and the engine's settings")
    elif engine.startswith("server:"):
        settings = {"kind": "server", "base_url": engine.removeprefix("server:")}
    else:
        settings = {"kind": engine}
    settings |= assignments(options)
    if settings.get("kind") not in ENGINE_CONFIGS:
        raise ValueError(f"there is no engine {settings.get('kind')!r}; choose one of: {', '.join(ENGINE_CONFIGS)}")
    names = ENGINE_CONFIGS[settings["kind"]].model_fields
    unknown = sorted(settings.keys() - names.keys())
    if unknown:
        raise ValueError(
            f"the engine {settings['kind']} does not know {', '.join(unknown)}; it knows {', '.join(names)}"
        )
    return settings


def _read_mapping(path: Path, keys: str) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        OSError: The file cannot be read.
        YAMLError: It is not YAML.
        ValueError: It holds something else than a mapping, or is not text.
    """
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must hold a mapping with {keys}")
    return settings
