"""How programs are executed: every choice that affects the result, in one value with a fingerprint."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from prox_assets.programs.canonical_json import settings_fingerprint
from prox_assets.programs.chunking import Chunk

EXECUTOR_VERSION = 2
"""Incremented whenever parser or executor give a different result for some input, so stored results show as stale."""

Mode = Literal["strict", "reference"]
Dialect = Literal["prox", "line-labels"]
LineNumbers = Literal["document", "chunk"]


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """The rules of one execution.

    Attributes:
        mode: "strict", or "reference" for what the released ProX executor does, defects included.
        dialect: What the refiner was asked for: calls ("prox"), or a keep probability per line ("line-labels").
        line_numbers: Whether line numbers in programs run through the document (as in ProX, so always in reference
            mode) or restart at 0 in each chunk.
        error_limit: A chunk stays as it was if its program has at least this many errors (strict). Errors are
            unreadable pieces, line numbers outside the chunk, reversed ranges and document-level calls.
        min_kept_share: An edited document is dropped if a smaller share of its non-whitespace characters is left
            (strict). 0.05 is the released executor's bound (threshold_2 = 0.95), which counts words.
        min_kept_characters: An edited document is dropped if fewer non-whitespace characters are left (strict). 1 drops
            only blank results; the released executor's FineWeb rule, more than ten words, is about 50 in English.
        whole_words: Skip matches of normalize that would cut a word or a number (strict).
        doc_keep_threshold: A scored document is kept if P(keep) is at least this.
        line_keep_threshold: A scored line is kept if P(keep) is at least this.
        reference_threshold_1: threshold_1 of the released executor (reference).
        reference_threshold_2: threshold_2 of the released executor (reference).
        reference_error_op: error_op of the released executor (reference).

    Raises:
        ValueError: A value is out of range, or reference mode is combined with line numbers per chunk.
    """

    mode: Mode = "strict"
    dialect: Dialect = "prox"
    line_numbers: LineNumbers = "document"
    error_limit: int = 1
    min_kept_share: float = 0.05
    min_kept_characters: int = 1
    whole_words: bool = True
    doc_keep_threshold: float = 0.5
    line_keep_threshold: float = 0.5
    reference_threshold_1: float = 0.0
    reference_threshold_2: float = 0.95
    reference_error_op: int = 2

    def __post_init__(self) -> None:
        for name, choices in (("mode", Mode), ("dialect", Dialect), ("line_numbers", LineNumbers)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} must be one of {get_args(choices)}, not {getattr(self, name)!r}")
        if self.mode == "reference" and self.line_numbers == "chunk":
            # The released executor would read them as the document's first lines, and remove those.
            raise ValueError('line_numbers must be "document" in reference mode: the released executor knows no other')
        for name in ("min_kept_share", "doc_keep_threshold", "line_keep_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], not {getattr(self, name)!r}")
        for name, least in (("error_limit", 1), ("min_kept_characters", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)!r}")

    def first_line_number(self, chunk: Chunk) -> int:
        """Return the number that programs give to the first line of a chunk."""
        return chunk.line_start if self.line_numbers == "document" else 0

    def as_dict(self) -> dict[str, Any]:
        """Return every field and the executor's version as JSON-compatible values."""
        return {"executor_version": EXECUTOR_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the policy that `as_dict` described; missing fields get their defaults.

        Raises:
            ValueError: A field is unknown, or the values belong to another version of the executor.
        """
        fields = dict(values)
        version = fields.pop("executor_version", EXECUTOR_VERSION)
        if version != EXECUTOR_VERSION:
            raise ValueError(
                f"this policy belongs to executor version {version}, installed is {EXECUTOR_VERSION}: "
                "install the release that wrote it, or execute the stored programs again"
            )
        unknown = sorted(fields.keys() - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"unknown execution policy fields: {', '.join(unknown)}")
        return cls(**fields)

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that change with any field and with EXECUTOR_VERSION."""
        return settings_fingerprint(self.as_dict())
