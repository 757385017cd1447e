"""Withdrawals of documents: `_withdrawn/{name}.json`, one small file each, kept for ever.

A withdrawal says which documents must not be in the lake, nor in anything that is written from it: those with an
address, of a domain, with a doc_id, or with a text. Reading a raw file turns their rows into rejects, so that a later
run with another refiner does not bring them back, and whatever writes files for others leaves them out.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, urlsplit

import polars as pl
from pydantic import TypeAdapter, ValidationError

from prox_assets.lake.errors import LakeError
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.appended import new_name

FOLDER = "_withdrawn"
REJECT_REASON = "withdrawn"
"""The reason in `rejects` of a raw row that a withdrawal covers."""


class WithdrawnBy(StrEnum):
    """What a withdrawal names."""

    URL = "url"
    DOMAIN = "domain"
    DOC_ID = "doc_id"
    TEXT_HASH = "text_hash"


@dataclass(frozen=True)
class Withdrawal:
    """A request that documents be gone.

    Attributes:
        name: Name of its file.
        by: What `value` is.
        value: The address, domain (with all its subdomains), doc_id, or hash of the raw text (documents.text_hash).
        reason: Why, in the words of who asked.
        requested_at: When, in UTC.
        requested_by: Who withdrew it, as they call themselves.
    """

    by: WithdrawnBy
    value: str
    reason: str
    requested_by: str = ""
    requested_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    name: str = field(default_factory=new_name)

    @property
    def covers(self) -> tuple[WithdrawnBy, str]:
        """What it covers: two withdrawals of the same, however they spell it, have the same."""
        return self.by, _normal(self)


_ONE = TypeAdapter(Withdrawal)


class Withdrawn:
    """All withdrawals of a lake, as a question about a document."""

    def __init__(self, withdrawals: Iterable[Withdrawal]) -> None:
        self.withdrawals = tuple(sorted(withdrawals, key=lambda each: each.name))

    def __bool__(self) -> bool:
        """Tell whether anything was ever withdrawn."""
        return bool(self.withdrawals)

    @property
    def identity(self) -> str:
        """A hash that changes with every withdrawal of something else."""
        return fingerprint(sorted({each.covers for each in self.withdrawals}))

    def of(self, doc_id: str, url: str | None, text_hash: str) -> Withdrawal | None:
        """Return the withdrawal that covers a document, or None.

        Args:
            doc_id: Its id.
            url: Address of its page, or None.
            text_hash: Hash of its raw text (corpora.document.text_hash).
        """
        found = self._by_value.get((WithdrawnBy.DOC_ID, doc_id)) or self._by_value.get(
            (WithdrawnBy.TEXT_HASH, text_hash)
        )
        if found is not None or url is None:
            return found
        return self._by_value.get((WithdrawnBy.URL, normal_url(url))) or self._of_domain(url)

    def _of_domain(self, url: str) -> Withdrawal | None:
        if not self._domains:
            return None
        labels = host_of(url).split(".")
        return next((self._domains[name] for name in _parents(labels) if name in self._domains), None)

    def among(self, documents: pl.DataFrame) -> Iterator[tuple[dict[str, Any], Withdrawal]]:
        """Yield the rows that a withdrawal covers, each with the withdrawal.

        Args:
            documents: Rows with the columns doc_id, url and text_hash, and any others.
        """
        values: dict[WithdrawnBy, set[str]] = {by: set() for by in WithdrawnBy}
        for by, value in self._by_value:
            values[by].add(value)
        # Only these can be covered: a million addresses are not taken apart for the few that are.
        named = (*values[WithdrawnBy.URL], *values[WithdrawnBy.DOMAIN])
        hosts = sorted({re.split(r"[/?]", value, maxsplit=1)[0] for value in named})
        may = pl.col("doc_id").is_in(sorted(values[WithdrawnBy.DOC_ID])) | pl.col("text_hash").is_in(
            sorted(values[WithdrawnBy.TEXT_HASH])
        )
        if hosts:
            url = pl.col("url")
            # A host may be spelled in other letters, or with a line break in it, which reading an address removes.
            may |= url.str.to_lowercase().str.contains_any(hosts).fill_null(value=False)
            may |= url.str.contains(r"[^!-~]").fill_null(value=False)
        for row in documents.filter(may).iter_rows(named=True):
            found = self.of(row["doc_id"], row["url"], row["text_hash"])
            if found is not None:
                yield row, found

    @cached_property
    def _by_value(self) -> dict[tuple[WithdrawnBy, str], Withdrawal]:
        return {each.covers: each for each in reversed(self.withdrawals)}

    @cached_property
    def _domains(self) -> dict[str, Withdrawal]:
        return {value: each for (by, value), each in self._by_value.items() if by is WithdrawnBy.DOMAIN}


def withdrawn(lake: Lake) -> Withdrawn:
    """Return what was ever withdrawn from a lake.

    Raises:
        LakeError: A withdrawal is damaged, or the lake cannot be read: nothing may be written as long as it is unknown
            what must not be.
    """
    return Withdrawn(_read(lake, name) for name in lake.storage.list_files(FOLDER) if name.endswith(".json"))


def remember(lake: Lake, withdrawal: Withdrawal) -> None:
    """Write a withdrawal; it is on the disk when this returns.

    Raises:
        LakeError: The lake cannot be written.
    """
    data = json.dumps(asdict(withdrawal), default=str, indent=1).encode()
    lake.storage.write_bytes(f"{FOLDER}/{withdrawal.name}.json", data)


def normal_url(url: str) -> str:
    """Return an address without what makes no other page: scheme, case of the host, fragment, slashes at the end."""
    parts = _split(url)
    if parts is None:
        return url.strip()
    query = f"?{parts.query}" if parts.query else ""
    return f"{host_of(url)}{parts.path.rstrip('/')}{query}"


def host_of(url: str) -> str:
    """Return an address's host in lower case and ASCII (punycode); "" if it has none."""
    parts = _split(url)
    try:
        host = ((parts.hostname if parts else None) or "").rstrip(".")
        return host if host.isascii() else host.encode("idna").decode()
    except ValueError:  # more than a host name can hold
        return ""


_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:?//|//")


def _split(url: str) -> SplitResult | None:
    """Take an address apart, with or without a scheme; None for half an IPv6 address, for example."""
    url = url.strip()
    try:
        return urlsplit(url if _SCHEME.match(url) else f"//{url}")
    except ValueError:
        return None


def _normal(withdrawal: Withdrawal) -> str:
    match withdrawal.by:
        case WithdrawnBy.URL:
            return normal_url(withdrawal.value)
        case WithdrawnBy.DOMAIN:
            return host_of(withdrawal.value.strip().strip("."))
        case _:
            return withdrawal.value.strip().lower()


def _parents(labels: list[str]) -> Iterable[str]:
    return (".".join(labels[start:]) for start in range(len(labels)))


_READ: dict[str, Withdrawal] = {}
"""Withdrawals by where they are; no such file ever changes, and every shard of a run asks for all of them."""


def _read(lake: Lake, name: str) -> Withdrawal:
    path = f"{FOLDER}/{name}"
    uri = lake.storage.uri(path)
    if uri not in _READ:
        try:
            _READ[uri] = _ONE.validate_json(lake.storage.read_bytes(path) or b"")
        except ValidationError as error:
            raise LakeError(f"{uri} is no withdrawal that can be read; restore it: {error}") from error
    return _READ[uri]
