"""What is exported, in which dialect, and how the files look."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from prox_assets.programs.expressing.choosing import MEANS

FileFormat = Literal["parquet", "jsonl"]
Layout = Literal["plain", "released"]
Inexact = Literal["keep", "drop-document", "fail"]

DIALECTS_OF_EXPORTS = tuple(MEANS)
RELEASED_COLUMNS = {"ultrax": ("original", "model_output"), "rescraper": ("input", "output")}
"""Columns of text and program as the released tools of a dialect name them."""


class ExportSettings(BaseModel):
    """An export of the programs of a corpus.

    Raises:
        ValueError: A value is not allowed, or the layout is that of tools that the dialect does not have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    corpus: str
    dialect: Literal["canonical", "ultrax", "rescraper", "refinex", "dataorchestra-np"]
    format: FileFormat = "parquet"
    layout: Layout = Field(
        default="plain",
        description="plain: program, and text if asked for. released: text and program under the names, and in the "
        "form, in which the released tools of the dialect read them.",
    )
    with_text: bool = Field(default=False, description="Whether the files hold the original text.")
    inexact: Inexact = Field(
        default="keep",
        description="What to do with a document whose refined text no program of the dialect gives: keep the program "
        "that comes closest, leave the document out, or give up.",
    )

    @field_validator("dialect", mode="before")
    @classmethod
    def _prox_is_canonical(cls, dialect: object) -> object:
        if dialect == "prox":
            raise ValueError("there is no export called prox: canonical is what the calls of ProX are written in")
        return dialect

    def model_post_init(self, _context: object) -> None:
        """Refuse a layout that nobody reads."""
        if self.layout == "released" and self.dialect not in RELEASED_COLUMNS:
            raise ValueError(
                f"no tool that applies programs of {self.dialect} was released, so there is no layout for one; there "
                f"is one for {' and '.join(RELEASED_COLUMNS)}"
            )

    @property
    def has_text(self) -> bool:
        """Whether the files hold text: released tools need it beside the program."""
        return self.with_text or self.layout == "released"

    @property
    def columns(self) -> tuple[str, str]:
        """Names of the columns of text and program."""
        return RELEASED_COLUMNS[self.dialect] if self.layout == "released" else ("text", "program")
