"""A corpus's configuration: its name, where its files are and what their columns are called."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

FormatName = Literal["auto", "c4", "redpajama_v2", "fineweb", "openwebmath", "dclm", "jsonl", "parquet"]

PASSWORD_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*:[^/]*@")
# The largest files of published corpora (RedPajama-V2, DCLM, C4) have a few million rows.
DEFAULT_MAX_ROWS_PER_FILE = 100_000_000
DEFAULT_MAX_ROW_BYTES = 64 * 1024 * 1024


class ColumnMapping(BaseModel):
    """Names of the columns (keys, for JSON lines) that matter in a generic file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(default="text", min_length=1, description="Column that holds the document text.")
    url: str | None = Field(default="url", description="Column that holds the page's address; None if there is none.")
    id: str | None = Field(
        default=None,
        description="Column that holds the corpus's own document id. It stays in `metadata` under its own name; "
        'naming it here adds it there as "id" too, so that every corpus can be joined by one name.',
    )


class SourceSettings(BaseModel):
    """Where a corpus's raw files are, what they hold, and how they are split into shards."""

    # Storage options may contain credentials, which neither repr nor a validation error may show.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    urls: list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]] = Field(
        min_length=1,
        description="Files, globs (`*`, `?`, `[...]`, `**`) or folders: local paths (relative to the working "
        "directory), file://, s3://, gs://, hf://datasets/owner/name[@revision]/path, or "
        "package://module/path for files shipped inside an installed Python package.",
    )
    format: FormatName = Field(
        default="auto",
        description="Layout of the files; `fineweb` covers FineWeb-Edu. `auto` decides for each file by its suffix "
        "and its columns, or the keys of its first rows.",
    )
    columns: ColumnMapping | None = Field(
        default=None, description="Column names, for formats `jsonl`, `parquet` and `auto`; None means text and url."
    )
    shard_bytes: Annotated[ByteSize, Field(gt=0)] | None = Field(
        default=None,
        description="Size of a shard in bytes of raw files, such as 2GiB: smaller files share a shard, and Parquet and "
        "uncompressed JSON files that are much larger are cut. It decides about files that are new to the lake; no "
        "other shard changes. By default every file is one shard, until a corpus has more than 5,000 files: new ones "
        "then share shards of a four-thousandth of the corpus.",
    )
    rows_per_shard: int | None = Field(
        default=None,
        ge=1,
        description="Cut files with more rows than this into row-range shards. "
        "Counting the rows of compressed text means reading it once.",
    )
    max_row_bytes: int = Field(
        default=DEFAULT_MAX_ROW_BYTES,
        ge=1,
        description="Longest row (a line of JSON, or all values of a Parquet row) in bytes, which bounds memory; a "
        "longer one is rejected as line_too_long.",
    )
    max_rows_per_file: int = Field(
        default=DEFAULT_MAX_ROWS_PER_FILE,
        ge=1,
        description="Maximum number of rows in a file; a file with more is refused. Without a limit, a few "
        "compressed kilobytes could fill the lake with rejects.",
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="Options for the file system behind the URLs, as fsspec takes them (`endpoint_url` for s3, "
        "`endpoint` for hf). Credentials belong in the environment.",
    )

    @field_validator("urls")
    @classmethod
    def _urls_hold_no_password(cls, urls: list[str]) -> list[str]:
        for url in urls:
            if PASSWORD_IN_URL.match(url):
                # The message shows only the scheme, to keep the rest secret. URLs become columns of the lake.
                message = (
                    f"a URL that begins with {url.partition('//')[0]}// holds a user name and a password, "
                    "which would be written into the lake: put credentials into the environment"
                )
                raise ValueError(message)
        return urls

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.shard_bytes is not None and self.rows_per_shard is not None:
            raise ValueError("shard_bytes and rows_per_shard both say how large a shard is: keep one of them")
        return self

    @model_validator(mode="after")
    def _mapping_needs_a_generic_format(self) -> Self:
        if self.columns is not None and self.format not in ("auto", "jsonl", "parquet"):
            message = f"format {self.format!r} fixes its own columns: leave `columns` out, or use jsonl or parquet"
            raise ValueError(message)
        return self


NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
"""What corpora, and what lies beside them in a lake, can be called."""


class CorpusSource(SourceSettings):
    """A corpus's name and its raw files."""

    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)] = Field(
        # Settings call it `corpus`, and so does an error about it then.
        validation_alias=AliasChoices("name", "corpus"),
        description="Name of the corpus: lower-case letters, digits and underscores. It is the prefix of the asset "
        "keys, a folder of the lake, and part of every document id.",
    )
