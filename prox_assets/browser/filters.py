"""The filters of lists and samples: read from an address, and written into the addresses of the pages that follow."""

from dataclasses import dataclass, replace
from typing import Literal

from starlette.datastructures import QueryParams

from prox_assets.catalog.queries.documents import ANY, Position, Wanted
from prox_assets.lake.schemas import Outcome

Drifted = Literal["", "yes", "no"]


class FilterError(ValueError):
    """An address holds a filter that means nothing; the message says which."""


@dataclass(frozen=True)
class Filters:
    """What a reader asked for.

    Attributes:
        wanted: Which documents.
        shard: Only this shard; all if empty.
        drifted: Only drifted shards, or only the others.
    """

    wanted: Wanted = ANY
    shard: str = ""
    drifted: Drifted = ""

    def query(self) -> dict[str, object]:
        """Return the filters as the query of an address."""
        wanted = self.wanted
        return {
            "outcome": tuple(str(outcome) for outcome in wanted.outcomes),
            "site": wanted.site,
            "edits": "" if wanted.edited is None else "yes" if wanted.edited else "no",
            "lowest": wanted.lowest,
            "highest": wanted.highest,
            "text": wanted.text,
            "shard": self.shard,
            "drifted": self.drifted,
        }

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()

    def without_text(self) -> "Filters":
        """Return the filters of a sample: drawing by text would read every text."""
        return replace(self, wanted=replace(self.wanted, text=""))


def read_filters(given: QueryParams) -> Filters:
    """Read the filters of an address.

    Raises:
        FilterError: One of them means nothing.
    """
    edits = _one_of(given, "edits")
    wanted = Wanted(
        outcomes=tuple(_outcome(name) for name in given.getlist("outcome") if name),
        site=given.get("site", "").strip(),
        edited=None if not edits else edits == "yes",
        lowest=_share(given, "lowest"),
        highest=_share(given, "highest"),
        text=given.get("text", "").strip(),
    )
    return Filters(wanted, given.get("shard", "").strip(), _one_of(given, "drifted"))


def read_position(given: QueryParams) -> Position | None:
    """Read where a page begins; None for the first page.

    Raises:
        FilterError: The row is not a number.
    """
    shard = given.get("after")
    if not shard:
        return None
    try:
        return Position(shard, max(-1, min(int(given.get("row", "-1")), 2**62)))
    except ValueError as error:
        raise FilterError("row is not a number") from error


def position_query(position: Position | None) -> dict[str, object]:
    """Return a position as the query of an address."""
    return {} if position is None else {"after": position.shard, "row": position.source_row}


def _outcome(name: str) -> Outcome:
    try:
        return Outcome(name)
    except ValueError as error:
        raise FilterError(f"there is no outcome {name!r}; there are {', '.join(Outcome)}") from error


def _one_of(given: QueryParams, name: str) -> Drifted:
    value = given.get(name, "")
    if value not in ("", "yes", "no"):
        raise FilterError(f"{name} is yes, no or empty, not {value!r}")
    return value


def _share(given: QueryParams, name: str) -> float | None:
    text = given.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise FilterError(f"{name} is a probability between 0 and 1, not {text!r}") from error
    if not 0 <= value <= 1:
        raise FilterError(f"{name} is a probability between 0 and 1, not {text!r}")
    return value
