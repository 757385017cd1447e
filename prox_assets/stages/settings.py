"""A corpus's settings as people write them, in a defs.yaml or as options, and the plan that they stand for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic_core import ErrorDetails

from prox_assets.corpora.source import NAME_PATTERN, CorpusSource, SourceSettings
from prox_assets.engines.config import ENGINE_CONFIGS
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.presets import NAMES_IN_WORDS, PRESET_NAMES, named_refiners
from prox_assets.stages.plan import InferenceSettings, RefinementPlan

_POLICY = TypeAdapter(ExecutionPolicy)
_POLICY_FIELDS = tuple(each.name for each in fields(ExecutionPolicy))
# What a user may set; the refiner's prompts decide the other two.
POLICY_SETTINGS = tuple(name for name in _POLICY_FIELDS if name not in ("dialect", "line_numbers"))
# Settings of earlier releases, by their path, and where they stand now.
MOVED: dict[tuple[int | str, ...], str] = {
    ("alerts", "dagster_url"): "alerts.dagster_url has moved: write dagster_url outside alerts, beside browser_url"
}


def described(error: ValidationError) -> str:
    """Describe a validation error in one line: each wrong key as it was written, and what is wrong with it."""
    return "; ".join(map(described_item, items_of(error)))


def items_of(error: ValidationError) -> list[ErrorDetails]:
    """Return what a validation error says, without the branches of a union that were not meant."""
    items = error.errors()
    # Refiners in full are no string, either: pydantic reports what is wrong with each branch.
    return [item for item in items if item["loc"] != ("refiners", "str") or len(items) == 1]


def described_item(item: ErrorDetails) -> str:
    """Describe one error of a validation error: the key as it was written, and what is wrong with it."""
    if item["type"] == "string_pattern_mismatch" and item.get("ctx", {}).get("pattern") == NAME_PATTERN:
        use = "name a corpus" if item["loc"][0] in ("corpus", "corpora") else "be a name"
        return (
            f"{item['input']!r} cannot {use}: use lower-case letters, digits and underscores, beginning with a letter"
        )
    if item["type"] == "extra_forbidden" and item["loc"] in MOVED:
        return MOVED[item["loc"]]
    place = written_path(item["loc"])
    message = item["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def written_path(loc: Sequence[str | int]) -> str:
    """Return the place of an error as a path of keys, without the union branches that pydantic puts among them."""
    keys = map(str, loc)
    return ".".join(key for key in keys if key not in ENGINE_CONFIGS and "RefinerPair" not in key)


def checked_policy(values: Mapping[str, Any], key: str, known: Sequence[str] = _POLICY_FIELDS) -> dict[str, Any]:
    """Return settings of an execution policy, each with its field's type.

    Args:
        values: The settings by name.
        key: What a user calls the policy; messages begin with it.
        known: The settings that may be given.

    Raises:
        ValueError: A setting is unknown, has the wrong type or is out of range.
    """
    unknown = sorted(values.keys() - set(known))
    if unknown:
        raise ValueError(f"{key} does not know {', '.join(unknown)}; it knows {', '.join(known)}")
    try:
        checked = _POLICY.validate_python(dict(values))
    except ValidationError as error:
        raise ValueError(f"{key}: {described(error)}") from error
    return {name: getattr(checked, name) for name in values}


# What a checker of JSON schemas needs in order to name the valid values; pydantic itself never reads it.
_TEMPLATE = {"type": "string", "pattern": r"\{\{"}
_PATH = {"pattern": r"[/\\.{=]"}


def _presets_or_a_path(schema: dict[str, Any]) -> None:
    """Tell a preset, which has to be one of few names, from a folder and from refiners in full."""
    *_, in_full = schema.pop("anyOf")
    name = {"if": _PATH, "else": {"enum": list(PRESET_NAMES)}}
    schema |= {"if": {"type": "string"}, "then": name, "else": in_full}


def _fields_of_the_policy(schema: dict[str, Any]) -> None:
    fields = _POLICY.json_schema()["properties"]
    schema["properties"] = {name: {"if": _TEMPLATE, "else": field} for name, field in fields.items()}
    schema["additionalProperties"] = False


class _NamedCorpus(BaseModel):
    """The first of the settings: pydantic orders fields by their class, the last base first."""

    # The plan checks the name: here it may still be a template, such as {{ env.PROX_CORPUS }}.
    corpus: str = Field(description=CorpusSource.model_fields["name"].description)


class WatchSettings(BaseModel):
    """How a corpus is watched: when a shard counts as drifted, and where its pages are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    monitoring: DriftSettings = Field(
        default_factory=DriftSettings,
        description="When a shard counts as drifted: baseline, thresholds and severities (docs/drift.md).",
    )
    browser_url: str | None = Field(
        default=None,
        description="Where `prox browse` serves the lake, such as http://localhost:3001: materializations and assets "
        "then link to its pages instead of to files.",
    )
    dagster_url: str | None = Field(
        default=None,
        description="Where Dagster's UI is, such as http://localhost:3000: alerts and the pages of `prox browse` then "
        "link to runs.",
    )

    @field_validator("browser_url", "dagster_url")
    @classmethod
    def _opens_in_a_browser(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is not an address that opens in a browser, such as http://localhost:3000")
        return value


@dataclass(frozen=True)
class WatchedCorpora:
    """How each corpus of a lake is watched.

    Attributes:
        named: The settings of single corpora, by name.
        others: The settings of every other corpus.
    """

    named: Mapping[str, WatchSettings] = field(default_factory=dict)
    others: WatchSettings = field(default_factory=WatchSettings)

    def of(self, corpus: str) -> WatchSettings:
        """Return the settings of a corpus."""
        return self.named.get(corpus, self.others)

    def with_dagster_url(self, url: str) -> Self:
        """Return the same with another address of Dagster's UI for every corpus.

        Raises:
            ValidationError: No browser opens the address.
        """
        update = {"dagster_url": WatchSettings(dagster_url=url).dagster_url}
        named = {name: settings.model_copy(update=update) for name, settings in self.named.items()}
        return replace(self, named=named, others=self.others.model_copy(update=update))

    def drift(self, corpora: Iterable[str]) -> dict[str, DriftSettings]:
        """Return when a shard counts as drifted, by corpus."""
        return {corpus: self.of(corpus).monitoring for corpus in corpora}


class RefinementSettings(InferenceSettings, SourceSettings, _NamedCorpus):
    """What a corpus is and how it is refined."""

    refiners: str | RefinerPair = Field(
        default="rules",
        description=f"A preset ({NAMES_IN_WORDS}), a folder of the refiner lab, such as lab/my_lab, or both refiners "
        "in full.",
        json_schema_extra=_presets_or_a_path,
    )
    policy: dict[str, Any] = Field(
        default_factory=dict,
        description="How programs are executed: fields of ExecutionPolicy. Thresholds not named here are the "
        "refiners' own; scored lines are kept by line_decision expected_f1 with a line_min_gain, unless line_decision "
        "or line_keep_threshold is named. on_empty says what becomes of documents that chunk programs would empty.",
        json_schema_extra=_fields_of_the_policy,
    )

    @cached_property
    def plan(self) -> RefinementPlan:
        """The plan.

        Raises:
            ValueError: A setting is invalid; the message names it as it is written here.
            RefinerError: The refiners do not exist.
        """
        refiners = named_refiners(self.refiners) if isinstance(self.refiners, str) else self.refiners
        checked = checked_policy(self.policy, "policy")
        # Fingerprints tell 1 from 1.0, so a number stays as it is written.
        policy = {name: value if value == checked[name] else checked[name] for name, value in self.policy.items()}
        return RefinementPlan(
            source=CorpusSource.model_validate({"corpus": self.corpus, **self._own(SourceSettings)}),
            refiners=refiners,
            policy=refiners.policy(**policy),
            **self._own(InferenceSettings),
        )

    def _own(self, part: type[SourceSettings] | type[InferenceSettings]) -> dict[str, Any]:
        """Return the settings that a part of the model declares."""
        return {name: getattr(self, name) for name in part.model_fields}
