"""How programs are executed: every choice that affects the result, in one value with a fingerprint."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from prox_assets.programs.canonical_json import settings_fingerprint
from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.dialect import DIALECTS, DialectName, LineNumbers

EXECUTOR_VERSION = 2
"""Incremented whenever parser or executor give a different result for some input, so stored results show as stale."""

Mode = Literal["strict", "reference"]
LineDecision = Literal["threshold", "expected_f1"]
OnEmpty = Literal["keep", "drop"]
PersonalData = Literal["email", "ip_address", "phone_number"]

PERSONAL_DATA_VERSION = 1
"""Incremented whenever other personal data is found in some text, or something else takes its place."""

_BEFORE_THEY_EXISTED: dict[str, Any] = {
    "line_decision": "threshold",
    "line_f1_beta": 1.0,
    "line_min_gain": 0.0,
    "on_empty": "drop",
    "personal_data": (),
    "protect_formulas": False,
    "execute_rewrites": False,
    "reference_edit_share": 1.0,
}
"""Fields of later releases, each with what the releases before it did.

A stored policy without such a field means this value, and a policy with this value is stored without the field, so
policies of earlier releases keep their results and their fingerprints.
"""


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """The rules of one execution.

    Attributes:
        mode: "strict", or "reference" for what the released executor of the dialect does, defects included.
        dialect: How the refiner writes its programs (dialects/dialect.py).
        line_numbers: Whether line numbers in programs run through the document (as in ProX, so always in reference
            mode) or restart at 0 in each chunk.
        error_limit: A chunk stays as it was if its program has at least this many errors (strict). Errors are
            unreadable pieces, line numbers outside the chunk, reversed ranges and document-level calls.
        min_kept_share: Too little is left of an edited document if it is a smaller share of its non-whitespace
            characters (strict; see `on_empty`). 0.05 is the released executor's bound (threshold_2 = 0.95), which
            counts words.
        min_kept_characters: Too little is left if it has fewer non-whitespace characters (strict), those of
            inserted lines not counted. With 1 that is a blank result or inserted lines alone, with 0 a blank result;
            the released executor's FineWeb rule, more than ten words, is about 50 in English.
        whole_words: Skip matches of normalize that would cut a word or a number (strict).
        doc_keep_threshold: A scored document is kept if P(keep) is at least this.
        line_decision: Which scored lines are kept: "threshold" for those with a P(keep) of at least
            `line_keep_threshold`, "expected_f1" for those that together maximise the document's expected word F1
            (execution/line_decision.py). Reference mode: always "threshold".
        line_keep_threshold: See `line_decision`.
        line_f1_beta: Weight of recall against precision in `expected_f1`: above 1 keeps more lines, below 1 fewer.
        line_min_gain: Under `expected_f1`, no line of a document is removed unless that lessens its expected error,
            1 - expected F1, by at least this share: 0.1 is a tenth.
        on_empty: What becomes of an edited document of which too little is left: "keep" leaves it as it was, "drop"
            drops it. Reference mode: always "drop".
        personal_data: Kinds of personal data that are replaced in the text that the programs leave: "email",
            "ip_address", "phone_number". Reference mode: none.
        protect_formulas: Whether lines with a formula (formulas.py) stay whatever a program says, and the formulas in
            them as they are (strict). Meant for mathematics; other text has few of them.
        execute_rewrites: Whether a rewrite of a whole chunk replaces it. None of its text is from the source, so by
            default it is only recorded (strict; the released ReScraper executes them).
        reference_threshold_1: threshold_1 of the released executor (reference).
        reference_threshold_2: threshold_2 of the released executor (reference).
        reference_error_op: error_op of the released executor (reference).
        reference_edit_share: Share of the lines after ReScraper's <edit> that must be calls for them to be executed;
            else they are the page's text. 1, or 0.8 where the released code is told to be tolerant (reference).

    Raises:
        ValueError: A value is out of range, or reference mode is combined with line numbers per chunk.
    """

    mode: Mode = "strict"
    dialect: DialectName = "prox"
    line_numbers: LineNumbers = "document"
    error_limit: int = 1
    min_kept_share: float = 0.05
    min_kept_characters: int = 1
    whole_words: bool = True
    doc_keep_threshold: float = 0.5
    line_decision: LineDecision = "threshold"
    line_keep_threshold: float = 0.5
    line_f1_beta: float = 1.0
    line_min_gain: float = 0.0
    on_empty: OnEmpty = "keep"
    personal_data: tuple[PersonalData, ...] = ()
    protect_formulas: bool = False
    execute_rewrites: bool = False
    reference_threshold_1: float = 0.0
    reference_threshold_2: float = 0.95
    reference_error_op: int = 2
    reference_edit_share: float = 1.0

    def __post_init__(self) -> None:
        for name, choices in (
            ("mode", Mode),
            ("dialect", DialectName),
            ("line_numbers", LineNumbers),
            ("line_decision", LineDecision),
            ("on_empty", OnEmpty),
        ):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} must be one of {get_args(choices)}, not {getattr(self, name)!r}")
        self._check_personal_data()
        if self.mode == "reference" and self.line_numbers == "chunk" and DIALECTS[self.dialect].line_numbers != "chunk":
            # The released executor would read them as the document's first lines, and remove those.
            raise ValueError('line_numbers must be "document" in reference mode: the released executor knows no other')
        if self.mode == "reference" and not DIALECTS[self.dialect].released:
            raise ValueError(f"no executor of the dialect {self.dialect} was released, so it has no reference mode")
        for name in (
            "min_kept_share",
            "reference_edit_share",
            "doc_keep_threshold",
            "line_keep_threshold",
            "line_min_gain",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], not {getattr(self, name)!r}")
        for name, least in (("error_limit", 1), ("min_kept_characters", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)!r}")
        if not 0 < self.line_f1_beta < math.inf:
            raise ValueError(f"line_f1_beta must be a positive number, not {self.line_f1_beta!r}")
        if self.mode == "reference":  # the released executor knows none of them
            for name in _BEFORE_THEY_EXISTED.keys() - {"reference_edit_share"}:
                object.__setattr__(self, name, _BEFORE_THEY_EXISTED[name])

    def _check_personal_data(self) -> None:
        unknown = sorted(set(self.personal_data) - set(get_args(PersonalData)))
        if unknown:
            raise ValueError(f"personal_data holds {unknown}; it knows {', '.join(get_args(PersonalData))}")
        if self.mode == "reference" and self.personal_data:
            raise ValueError("personal_data must be empty in reference mode: the released executor replaces none")
        # One order, whatever it was in a file: the fingerprint covers it.
        object.__setattr__(self, "personal_data", tuple(sorted(set(self.personal_data))))

    def first_line_number(self, chunk: Chunk) -> int:
        """Return the number that programs give to the first line of a chunk."""
        return DIALECTS[self.dialect].first_number + (chunk.line_start if self.line_numbers == "document" else 0)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and the executor's version as JSON-compatible values.

        A field that earlier releases did not have is left out where it says what they did.
        """
        values = dataclasses.asdict(self)
        for name, before in _BEFORE_THEY_EXISTED.items():
            if values[name] == before:
                del values[name]
        if self.personal_data:
            values |= {"personal_data": list(self.personal_data), "personal_data_version": PERSONAL_DATA_VERSION}
        return {"executor_version": EXECUTOR_VERSION, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the policy that `as_dict` described.

        A missing field gets its default or, if earlier releases did not have it, what they did.

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
        if (found := fields.pop("personal_data_version", PERSONAL_DATA_VERSION)) != PERSONAL_DATA_VERSION:
            raise ValueError(
                f"this policy replaced personal data by version {found}, installed is {PERSONAL_DATA_VERSION}: install "
                "the release that wrote it, or execute the stored programs again"
            )
        unknown = sorted(fields.keys() - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"unknown execution policy fields: {', '.join(unknown)}")
        return cls(**{**_BEFORE_THEY_EXISTED, **fields})

    def with_settings(self, **settings: Any) -> Self:  # noqa: ANN401 (the fields have many types)
        """Return the policy with some settings changed.

        `line_keep_threshold` alone means the threshold rule too, and that rule leaves no `line_min_gain` behind.

        Raises:
            ValueError: A value is out of range.
            TypeError: There is no such setting.
        """
        if "line_keep_threshold" in settings:
            settings = {"line_decision": "threshold", **settings}
        if settings.get("line_decision") == "threshold":
            settings = {"line_min_gain": 0.0, **settings}
        return dataclasses.replace(self, **settings)

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that change with any field and with EXECUTOR_VERSION."""
        return settings_fingerprint(self.as_dict())
