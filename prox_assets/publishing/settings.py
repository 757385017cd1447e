"""What a published data set is made from and how, as people write it in a defs.yaml or in a file of `prox publish`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

NAME = r"^[a-z0-9][a-z0-9_]*$"
CORPUS = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Column = Literal["doc_id", "url", "text", "raw_hash", "refined_hash"]
COLUMNS: tuple[Column, ...] = ("doc_id", "url", "text", "raw_hash", "refined_hash")
NEEDED: tuple[Column, ...] = ("doc_id", "text", "raw_hash")

_NO_LICENCE = frozenset({"", "unknown", "none", "n/a", "na", "todo", "tbd", "?", "-"})


def _named(licence: str) -> str:
    if licence.strip().lower() in _NO_LICENCE:
        raise ValueError(f"{licence!r} names no licence: say which one, such as odc-by or cc-by-4.0")
    return licence.strip()


Licence = Annotated[str, AfterValidator(_named)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedSource(_Settings):
    """Where documents came from, and under which licence."""

    name: str = Field(min_length=1, description="Name of the source, such as Common Crawl.")
    licence: Licence = Field(description="Its licence: an id of the hub such as odc-by, or any name.")
    url: str | None = Field(default=None, description="Where the source is described.")
    licence_url: str | None = Field(default=None, description="Where its licence can be read.")
    corpora: tuple[str, ...] = Field(
        default=(), description="Corpora whose documents came from it; all of the data set if empty."
    )


class Publisher(_Settings):
    """Who publishes."""

    name: str = Field(min_length=1, description="Name of the person or organisation.")
    url: str | None = Field(default=None, description="Their page.")
    contact: str | None = Field(default=None, description="Where people write to, also to have pages withdrawn.")


class ResponsibleAi(_Settings):
    """What only people can say about a data set; what is left out is left out of the card, too."""

    collection: str | None = Field(default=None, description="How the pages were collected.")
    geography: tuple[str, ...] = Field(default=(), description="Countries that the pages come from.")
    biases: tuple[str, ...] = Field(default=(), description="Known biases.")
    limitations: tuple[str, ...] = Field(default=(), description="Known limits, beside those that are measured.")
    personal_information: tuple[str, ...] = Field(
        default=(), description="Personal or sensitive information in it, and what was done about it."
    )
    use_cases: tuple[str, ...] = Field(default=(), description="What it is meant for.")
    social_impact: str | None = Field(default=None, description="What its use may lead to.")
    maintenance: str | None = Field(default=None, description="Who maintains it, and how often it changes.")


class PublishSettings(_Settings):
    """All settings of a published data set."""

    name: str = Field(pattern=NAME, description="Name of the data set.")
    pretty_name: str | None = Field(default=None, description="Title of its card; the name if unset.")
    description: str | None = Field(default=None, description="What it is, in a sentence or two of your own.")
    corpora: tuple[Annotated[str, Field(pattern=CORPUS)], ...] = Field(
        min_length=1, description="Corpora of the lake; each becomes a configuration of the data set."
    )
    include: tuple[Literal["text", "programs"], ...] = Field(
        default=("text",),
        min_length=1,
        description="text: the refined documents; programs: the programs alone, for those who have the original.",
    )
    sources: tuple[PublishedSource, ...] = Field(
        min_length=1, description="Where the documents came from. Every corpus needs one, and every one its licence."
    )
    licence: Licence | None = Field(
        default=None, description="Licence of the data set itself; that of its sources if they all have the same."
    )
    licence_url: str | None = Field(default=None, description="Where it can be read.")
    publisher: Publisher | None = Field(default=None, description="Who publishes it.")
    responsible_ai: ResponsibleAi = Field(default_factory=ResponsibleAi, description="What only people can say.")
    languages: tuple[str, ...] | None = Field(
        default=None,
        description="Languages to name, as codes such as en, among those that are measured; all of these if unset. "
        "Where a script is measured that several languages share, such as Cyrillic, name its language here.",
    )
    min_language_share: float = Field(
        default=0.01, ge=0, le=1, description="Share of the documents from which on a language is named."
    )
    splits: dict[Annotated[str, Field(pattern=r"^\w+$")], Annotated[float, Field(gt=0, lt=1)]] = Field(
        default_factory=dict,
        description="Further splits beside train, each with the share of the sites that it gets, such as "
        "{validation: 0.01}; no site is in two.",
    )
    site: str | None = Field(
        default=None, description="Column of the source with the site. If unset, the host of the URL, else the doc_id."
    )
    seed: int = Field(default=0, description="Seed of the splits.")
    columns: tuple[Column, ...] = Field(
        default=COLUMNS,
        description="Columns beside those of `metadata`. doc_id, text and raw_hash are always among them: without them "
        "nobody could find a document that is withdrawn, or apply programs.",
    )
    metadata: tuple[str, ...] = Field(default=(), description="Columns of the source to publish, too.")
    rows_per_file: int = Field(default=1_000_000, ge=1, description="Rows of a Parquet file at most.")
    text_bytes_per_file: int = Field(
        default=1_000_000_000,
        ge=1,
        description="Bytes of text from which on a new Parquet file begins; compressed, they are about a third.",
    )
    samples: int = Field(default=3, ge=0, le=20, description="Edited documents of each corpus that the card shows.")
    proof: str | None = Field(default=None, description="Proof whose tables are attached; it must have its report.")
    unfinished: Literal["refuse", "leave_out"] = Field(
        default="refuse", description="What to do about shards that are not refined, or are out of date."
    )
    tags: tuple[str, ...] = Field(default=(), description="Tags on the hub.")
    task_categories: tuple[str, ...] = Field(default=("text-generation",), description="Tasks on the hub.")
    repo_id: str | None = Field(
        default=None, pattern=r"^[\w.-]+/[\w.-]+$", description="Where it will be on the hub: owner/name."
    )
    to: str | None = Field(
        default=None, description="Folder or URL that it is written to; `_published/{name}` in the lake if unset."
    )

    @property
    def title(self) -> str:
        """The title of the card."""
        return self.pretty_name or self.name

    def sources_of(self, corpus: str) -> list[PublishedSource]:
        """Return where a corpus's documents came from."""
        return [source for source in self.sources if not source.corpora or corpus in source.corpora]

    @property
    def own_licence(self) -> str:
        """The licence of the data set."""
        return self.licence or self.sources[0].licence

    @model_validator(mode="after")
    def _splits_leave_a_train(self) -> "PublishSettings":
        if "train" in self.splits or sum(self.splits.values()) >= 1:
            raise ValueError("splits: train gets the sites that are left, so the others together have less than all")
        return self

    @model_validator(mode="after")
    def _columns_suffice(self) -> "PublishSettings":
        if missing := [name for name in NEEDED if name not in self.columns]:
            raise ValueError(f"columns: {', '.join(missing)} must be among them")
        if twice := set(self.metadata) & {*COLUMNS, "split"}:
            raise ValueError(f"metadata: {', '.join(sorted(twice))} is a column of its own already")
        return self

    @model_validator(mode="after")
    def _licences_are_named(self) -> "PublishSettings":
        for name in ("corpora", "metadata", "include", "columns"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name}: each may be named once")
        if unknown := {corpus for source in self.sources for corpus in source.corpora} - {*self.corpora}:
            raise ValueError(f"sources: {', '.join(sorted(unknown))} is not among `corpora`")
        if bare := [corpus for corpus in self.corpora if not self.sources_of(corpus)]:
            raise ValueError(f"sources: none is named for {', '.join(bare)}, so its licence is unknown")
        if self.licence is None and len({source.licence for source in self.sources}) > 1:
            raise ValueError("licence: the sources have several, so the data set's own must be named")
        return self
