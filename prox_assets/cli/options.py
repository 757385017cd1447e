"""Options that several commands share, the plan that they make, and how errors are printed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.corpora.source import FormatName
from prox_assets.engines.config import ServerEngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.presets import named_refiners
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.settings import POLICY_SETTINGS, RefinementSettings, checked_policy, described

CORPUS_NAME_CHARACTERS = 64  # what CorpusSource.name allows

console = Console()
errors = Console(stderr=True)

_ENGINES = (TransformersEngineConfig, VllmEngineConfig, ServerEngineConfig)

Level = Literal["doc", "chunk", "both"]


def _setting(key: str, *names: str, **options: Any) -> Any:  # noqa: ANN401 (typer's own)
    """Return the option for a setting of a corpus, with the description and the default of that setting."""
    field = RefinementSettings.model_fields[key]
    default = f" [default: {field.default}]" if isinstance(field.default, str | int) else ""
    return typer.Option(*names, help=f"{field.description}{default}", **options)


LakeOption = Annotated[str, typer.Option("--lake", "-l", help="Folder or URL of the lake.", envvar="PROX_LAKE")]
CorpusOption = Annotated[str | None, typer.Option("--corpus", help="Only this corpus; all of the lake by default.")]

Inputs = Annotated[
    list[str] | None, typer.Argument(metavar="INPUT", help=RefinementSettings.model_fields["urls"].description)
]
CorpusName = Annotated[
    str | None,
    typer.Option("--corpus", help="Name of the corpus: a-z, 0-9 and _. By default derived from the first input."),
]
Format = Annotated[FormatName | None, _setting("format", "--format", case_sensitive=False)]
TextColumn = Annotated[str | None, typer.Option(help="Column of the text in generic jsonl and parquet files.")]
UrlColumn = Annotated[str | None, typer.Option(help="Column of the address in generic jsonl and parquet files.")]
RowsPerShard = Annotated[int | None, _setting("rows_per_shard", min=1)]
MaxRowBytes = Annotated[int | None, _setting("max_row_bytes", min=1)]
MaxRowsPerFile = Annotated[int | None, _setting("max_rows_per_file", min=1)]
Refiner = Annotated[
    str | None,
    typer.Option(
        "--refiner",
        help="A preset (bundled, rules, prox-web, prox-math, keep-all), a folder of the refiner lab, or a YAML file "
        "with both refiners (`doc:` and `chunk:`). [default: rules]",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="How models are run: transformers, vllm, server:URL, or a YAML file with the engine's settings. "
        "[default: transformers]",
    ),
]
ChunkEngine = Annotated[str | None, _setting("chunk_engine", "--chunk-engine")]
EngineOption = Annotated[
    list[str] | None,
    typer.Option("--engine-option", metavar="NAME=VALUE", help="A setting of the engines, e.g. dtype=float32."),
]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy", metavar="NAME=VALUE", help="A setting of the execution policy, e.g. doc_keep_threshold=0.7."
    ),
]
WindowOption = Annotated[int | None, _setting("window_documents", "--window", min=1)]
LevelOption = Annotated[
    Level, typer.Option("--level", help="Refine at this level only; the other level keeps everything.")
]
Settings = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="A corpus's defs.yaml, read as Dagster reads it; options override what it says.",
    ),
]


DriftSettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="YAML file with baseline and thresholds: the fields of `monitoring:`, or a defs.yaml that has it.",
    ),
]


def build_plan(
    inputs: list[str] | None,
    settings: Path | None,
    *,
    corpus: str | None = None,
    refiner: str | None,
    engine: str | None,
    chunk_engine: str | None,
    engine_option: list[str] | None,
    policy: list[str] | None = None,
    level: Level,
    text_column: str | None,
    url_column: str | None,
    **others: str | int | None,
) -> RefinementPlan:
    """Turn options into a plan; exit with code 1 and a plain message if they are invalid.

    `others` are settings that need no reading; None stands for an option that was not given.
    """
    try:
        values = _read_settings(settings) if settings is not None else {}
        values |= {key: value for key, value in others.items() if value is not None}
        if inputs:
            values["urls"] = inputs
        elif "urls" not in values:
            raise ValueError("name the raw files: INPUT, or --settings with a file that has `urls:`")
        columns = {key: name for key, name in (("text", text_column), ("url", url_column)) if name is not None}
        if columns:
            values["columns"] = {**(values["columns"].model_dump() if values.get("columns") else {}), **columns}
        values["corpus"] = corpus or values.get("corpus") or corpus_name(values["urls"][0])
        values["refiners"] = _at_level(load_refiners(refiner or values.get("refiners", "rules")), level)
        values["engine"] = _engine_settings(engine or values.get("engine", "transformers"), engine_option)
        if chunk_engine or values.get("chunk_engine"):
            values["chunk_engine"] = _engine_settings(chunk_engine or values["chunk_engine"], engine_option)
        values["policy"] = {**values.get("policy", {}), **policy_values(policy)}
        return RefinementSettings.model_validate(values).plan
    except ValidationError as error:
        raise fail(_explain(error)) from error
    except (RefinerError, ValueError, TypeError, OSError, yaml.YAMLError) as error:
        raise fail(str(error)) from error


def _read_settings(path: Path) -> dict[str, Any]:
    """Read the settings that a corpus's defs.yaml sets and that concern its refinement."""
    from prox_assets import RefinedCorpus  # brings Dagster, which other commands should not wait for

    attributes = _read_mapping(path, "attributes: of a corpus")
    try:
        settings = RefinedCorpus.from_attributes_dict(attributes=attributes.get("attributes", attributes)).settings
    except ValidationError as error:
        raise ValueError(f"{path}: {_explain(error)}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return {
        name: getattr(settings, name) for name in settings.model_fields_set & RefinementSettings.model_fields.keys()
    }


def drift_settings(path: Path | None) -> DriftSettings:
    """Read the settings of drift from a file, which may be a defs.yaml; return the defaults if `path` is None."""
    if path is None:
        return DriftSettings()
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(values, dict) and isinstance(values.get("attributes"), dict):
            values = values["attributes"].get("monitoring")
        return DriftSettings.model_validate({} if values is None else values)
    except ValidationError as error:
        raise fail(f"{path}: {described(error)}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise fail(f"{path} cannot be read as settings: {error}") from error


def _explain(error: ValidationError) -> str:
    """Describe a validation error in one line."""
    for item in error.errors():
        if item["type"] == "string_pattern_mismatch" and item["loc"] == ("corpus",):
            return (
                f"{item['input']!r} cannot name a corpus: use lower-case letters, digits and underscores, beginning "
                "with a letter (--corpus)"
            )
    return described(error)


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


def corpora_of(lake: Lake, corpus: str | None) -> list[str]:
    """Return the named corpus, or all corpora; exit with code 1 if there is none.

    Raises:
        LakeError: The lake cannot be listed.
    """
    present = lake.corpora()
    if not present:
        raise fail(f"the lake {lake.url} has no corpus yet; `prox refine` creates one")
    if corpus is not None and corpus not in present:
        raise fail(f"the lake {lake.url} has no corpus {corpus!r}; it has: {', '.join(present)}")
    return present if corpus is None else [corpus]


def corpus_name(url: str) -> str:
    """Derive a corpus name from an input: the file's stem, or the folder before a wildcard."""
    parts = [part for part in re.split(r"[/\\]", url.rstrip("/")) if part and not re.search(r"[*?\[]", part)]
    stem = parts[-1].split(".")[0] if parts else ""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return (name if re.match(r"[a-z]", name) else f"corpus_{name}")[:CORPUS_NAME_CHARACTERS].rstrip("_")


def load_refiners(refiner: str | RefinerPair) -> RefinerPair:
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


def policy_values(options: list[str] | None) -> dict[str, Any]:
    """Read the settings of --policy.

    Raises:
        ValueError: A setting is unknown, has the wrong type, is out of range, or is decided by the refiner.
    """
    return checked_policy(assignments(options), "--policy", POLICY_SETTINGS)


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
