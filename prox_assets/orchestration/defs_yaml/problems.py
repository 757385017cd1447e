"""What is wrong with a defs.yaml: the file, the line, the setting, and what may stand there instead."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dagster.components.resolved.errors import ResolutionException
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from prox_assets.orchestration.defs_yaml.schema import names_at
from prox_assets.refiners.errors import RefinerError
from prox_assets.stages.settings import MOVED, described_item, items_of, written_path

ATTRIBUTES = "attributes"


class Positions(Protocol):
    """Where the keys and values of a YAML document stand, as Dagster reads them (SourcePositionTree)."""

    @property
    def position(self) -> object:
        """File and line, as `str` gives them."""
        ...

    @property
    def children(self) -> Mapping[str | int, "Positions"]:
        """The places of what stands below."""
        ...


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a defs.yaml.

    Attributes:
        message: What is wrong, in one line, with what may stand there instead.
        place: File and line, or None for attributes that come from no file.
    """

    message: str
    place: str | None

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def problems_of(
    error: Exception, model: type[BaseModel], attributes: Mapping[str, Any], positions: Positions | None
) -> list[Problem]:
    """Return what an error says about attributes.

    Args:
        error: What validating them, or building definitions of them, has raised.
        model: The model of the attributes.
        attributes: The attributes, as they are written.
        positions: Where the document's parts stand; None if it comes from no file.
    """
    if isinstance(error, ValidationError):
        return [Problem(_explained(item, model), _place(positions, item["loc"])) for item in items_of(error)]
    if isinstance(error, RefinerError):
        return [Problem(f"refiners: {error}", _place(positions, ("refiners",)))]
    if isinstance(error, ResolutionException):
        # Dagster's own message begins with "file:line - setting" and goes on with a piece of the file.
        lines = str(error).strip().splitlines()
        return [Problem(lines[-1], lines[0].partition(" - ")[0] if positions is not None else None)]
    return [Problem(str(error), _place(positions, _first_mentioned(str(error), attributes)))]


def _explained(item: ErrorDetails, model: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden" and item["loc"] not in MOVED:
        *above, name = item["loc"]
        return (
            f"there is no setting {name}; {written_path(above) or ATTRIBUTES} knows {', '.join(names_at(model, above))}"
        )
    return described_item(item)


def _place(positions: Positions | None, loc: Sequence[str | int]) -> str | None:
    """Return file and line of a setting, or of the closest thing around it that is written down."""
    if positions is None:
        return None
    for key in (ATTRIBUTES, *loc):
        # pydantic puts a union's branches among the keys: those are no part of the file.
        positions = positions.children.get(key, positions)
    return str(positions.position)


def _first_mentioned(message: str, attributes: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return the path of the deepest setting that a message names, by key or by value; () for none."""
    named = [path for path, texts in _settings(attributes, ()) if any(text in message for text in texts)]
    return max(named, key=len, default=())


def _settings(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], tuple[str, ...]]]:
    """Yield every setting's path, with the texts by which a message would name it."""
    if isinstance(value, Mapping):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    else:
        return
    for key, child in children:
        below = (*path, key)
        by_key = (key,) if isinstance(key, str) else ()
        yield below, (*by_key, repr(child)) if isinstance(child, str) else by_key
        yield from _settings(child, below)
