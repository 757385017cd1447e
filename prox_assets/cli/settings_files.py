"""The files of --settings: how the corpora of a lake are watched, each by the file that is about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from prox_assets.cli.console import fail, warn
from prox_assets.cli.options import corpora_of
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.stages.settings import MOVED, WatchedCorpora, WatchSettings, described

SettingsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="A corpus's defs.yaml, for that corpus; or the fields of `monitoring:` alone, for every corpus that no "
        "other file names. Repeatable.",
    ),
]


@dataclass(frozen=True)
class SettingsFiles:
    """What the files say.

    Attributes:
        paths: The file about each corpus, by its name.
        others: The file about every other corpus; None if there is none.
        watched: How each corpus is watched.
    """

    paths: dict[str, Path]
    others: Path | None
    watched: WatchedCorpora

    def corpora(self, lake: Lake, corpus: str | None) -> list[str]:
        """Return the named corpus, or all of the lake; exit with code 1 if no file is about the named one.

        Raises:
            LakeError: The lake cannot be listed.
        """
        self._require(corpus)
        names = corpora_of(lake, corpus)
        if corpus is None:
            for name in sorted(self.paths.keys() - set(names)):
                warn(f"{self.paths[name]} is about corpus {name}, which the lake does not have")
        return names

    def named_corpora(self, lake: Lake, corpus: str | None) -> list[str]:
        """Return the corpora that the files are about, or the named one of them; as `corpora` if a file names none.

        Raises:
            LakeError: The lake cannot be listed.
        """
        if not self.paths or self.others is not None or corpus is not None:
            return self.corpora(lake, corpus)
        return [name for each in self.paths for name in corpora_of(lake, each)]

    def _require(self, corpus: str | None) -> None:
        """Exit with code 1 if there are files, and none is about the corpus of --corpus."""
        if corpus is None or corpus in self.paths or self.others is not None or not self.paths:
            return
        about = "; ".join(f"{path} is about corpus {name}" for name, path in self.paths.items())
        raise fail(f"{about}, --corpus says {corpus}")


def settings_files(paths: Sequence[Path] | None) -> SettingsFiles:
    """Read files of settings; exit with code 1 if one is invalid, or if two are about the same corpora."""
    named: dict[str, tuple[Path, WatchSettings]] = {}
    others: tuple[Path, WatchSettings] | None = None
    for path in paths or ():
        corpus, settings = _read(path)
        earlier = others if corpus is None else named.get(corpus)
        if earlier is not None:
            about = f"corpus {corpus}" if corpus is not None else "every corpus that no other file names"
            raise fail(f"{earlier[0]} and {path} are both about {about}: give one of them")
        if corpus is None:
            others = path, settings
        else:
            named[corpus] = path, settings
    return SettingsFiles(
        {corpus: path for corpus, (path, _) in named.items()},
        others[0] if others else None,
        WatchedCorpora(
            {corpus: settings for corpus, (_, settings) in named.items()}, others[1] if others else WatchSettings()
        ),
    )


def _read(path: Path) -> tuple[str | None, WatchSettings]:
    """Return the corpus that a file is about, or None if it names none, and what it says."""
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        values = {} if values is None else values
        attributes = values.get("attributes") if isinstance(values, dict) else None
        if not isinstance(attributes, dict):
            if not isinstance(values, dict) or "corpus" not in values:
                return None, WatchSettings(monitoring=DriftSettings.model_validate(values))
            attributes = values  # a corpus's attributes without the component's type, as `prox refine` reads them too
        for (section, name), where in MOVED.items():
            if isinstance(attributes.get(section), dict) and name in attributes[section]:
                raise fail(f"{path}: {where}")
        known = ("corpus", *WatchSettings.model_fields)
        given = _resolved({key: attributes[key] for key in known if attributes.get(key) is not None})
        corpus = given.pop("corpus", None)
        return None if corpus is None else str(corpus), WatchSettings.model_validate(given)
    except ValidationError as error:
        raise fail(f"{path}: {described(error)}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise fail(f"{path} cannot be read as settings: {error}") from error


def _resolved(values: dict[str, Any]) -> dict[str, Any]:
    """Resolve templates as Dagster does; it is imported only if there are any, because it takes a second.

    Raises:
        ValueError: A template cannot be resolved.
    """
    if "{{" not in str(values):
        return values
    from dagster.components.resolved.context import ResolutionContext
    from dagster.components.resolved.errors import ResolutionException

    try:
        return dict(ResolutionContext.default().resolve_value(values))
    except ResolutionException as error:
        raise ValueError(str(error).strip()) from error
