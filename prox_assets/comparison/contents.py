"""What a comparison says, as data: comparison.json holds it, and the page is drawn from it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

LEAST_CHARACTERS = 100_000
"""With less raw text, cost is not told per 10^9 tokens or characters."""


class _Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Contents):
    """A number with its 95 % interval."""

    value: float | None = Field(description="Null where there is nothing to divide by.")
    low: float | None = Field(default=None, description="Null with fewer than two sites.")
    high: float | None = None


class RefinerSummary(_Contents):
    """What one refiner made of the documents that all corpora have."""

    corpus: str
    doc_refiners: tuple[str, ...] = Field(description="Names of its document refiners; several if shards differ.")
    chunk_refiners: tuple[str, ...]
    dialects: tuple[str, ...] = Field(description="Dialects in which its programs were executed.")
    policies: int = Field(description="Execution policies of its shards; more than one means that they differ.")
    outcomes: dict[str, int] = Field(description="Documents by outcome.")
    documents_kept: Estimate = Field(description="Share of the documents that have a decision.")
    characters_before: int
    characters_after: int
    characters_kept: Estimate = Field(description="characters_after / characters_before.")
    words_before: int
    words_after: int
    words_kept: Estimate
    tokens_before: int | None = Field(description="Null without a tokenizer.")
    tokens_after: int | None
    tokens_kept: Estimate | None
    lines: int = Field(description="Lines with something visible in kept documents.")
    lines_removed: int = Field(description="Of these, lines that were removed.")
    programs: int = Field(description="Chunk programs that were judged.")
    failures: dict[str, int] = Field(description="Of these, programs by verdict: refused, cut_off, crashed, reverted.")
    rewrites_recorded: int = Field(default=0, description="Rewrites in them that were recorded and not executed.")

    @property
    def documents(self) -> int:
        """All documents."""
        return sum(self.outcomes.values())

    @property
    def decided(self) -> int:
        """Documents on which it did not fail."""
        return self.documents - self.outcomes["quarantined"]

    @property
    def kept(self) -> int:
        """Documents that were kept, with or without edits."""
        return self.outcomes["kept_unchanged"] + self.outcomes["kept_edited"]


class LineAgreement(_Contents):
    """How far two refiners agree on which visible lines to remove."""

    lines: int
    first_removes: int
    second_removes: int
    both_remove: int
    agreement: Estimate = Field(description="Share of lines that both keep or both remove.")
    kappa: Estimate = Field(description="Cohen's kappa of it.")
    jaccard: Estimate = Field(description="Lines that both remove / lines that either removes.")

    @property
    def only_first_removes(self) -> int:
        """Lines that only the first removes."""
        return self.first_removes - self.both_remove

    @property
    def only_second_removes(self) -> int:
        """Lines that only the second removes."""
        return self.second_removes - self.both_remove


class PairAgreement(_Contents):
    """How far two refiners agree, on documents that neither failed on."""

    first: str
    second: str
    documents: int
    first_keeps: int
    second_keeps: int
    both_keep: int
    agreement: Estimate = Field(description="Share of documents that both keep or both drop.")
    kappa: Estimate = Field(description="Cohen's kappa of it.")
    same_text: int = Field(description="Documents that both keep with the same refined text.")
    identical: Estimate = Field(description="same_text / both_keep.")
    lines_both_keep: LineAgreement = Field(description="Over documents that both keep.")
    lines_all: LineAgreement = Field(description="Over all; a dropped document has lost all its lines.")

    @property
    def only_first_keeps(self) -> int:
        """Documents that only the first keeps."""
        return self.first_keeps - self.both_keep

    @property
    def only_second_keeps(self) -> int:
        """Documents that only the second keeps."""
        return self.second_keeps - self.both_keep


class RefinerCost(_Contents):
    """What inference cost, of all attempts at the compared shards; failed and killed ones count."""

    corpus: str
    attempts: int
    failed: int
    unfinished: int
    seconds: float = Field(description="Wall time, loading models included.")
    engine_seconds: float = Field(description="Of it, the time that refiners worked.")
    prompt_tokens: int
    generated_tokens: int
    flops: float | None = Field(description="Null where the size of a model is unknown.")
    devices: tuple[str, ...]
    gpu_hours: float = Field(description="Engine time on devices, in hours times devices.")
    core_hours: float = Field(description="Engine time on processors, in hours times threads.")
    raw_tokens: float | None = Field(description="Tokens of the raw text that was read; null without a count.")
    raw_characters: int

    @property
    def is_small(self) -> bool:
        """Whether there is too little text to say what more would cost: what is spent once is most of the cost."""
        return self.raw_characters < LEAST_CHARACTERS

    def per_billion_tokens(self, amount: float | None) -> float | None:
        """Return an amount per 10^9 raw tokens; None where either is unknown, or there is too little text."""
        return None if amount is None or not self.raw_tokens or self.is_small else amount / self.raw_tokens * 1e9

    def per_billion_characters(self, amount: float | None) -> float | None:
        """Return an amount per 10^9 raw characters; None where it is unknown, or there is too little text."""
        return None if amount is None or self.is_small else amount / self.raw_characters * 1e9


class LabelledScores(_Contents):
    """How one refiner did on labelled pages of one regime."""

    corpus: str
    regime: str = Field(description="Which text of the pages was refined: text_full or text_main.")
    pages: int
    kept: int
    word_f1: Estimate = Field(description="Mean over pages; a dropped page has no text, and counts 0.")
    word_f1_of_kept: Estimate = Field(description="The same over the pages that it keeps.")
    removed_f1: float = Field(description="Removed lines against lines labelled boilerplate; a dropped page lost all.")
    removed_f1_of_kept: float = Field(description="The same over the pages that it keeps.")


class ScoreDifference(_Contents):
    """By how much one refiner's word F1 exceeds another's on the same pages; a dropped page counts 0."""

    first: str
    second: str
    regime: str
    mean: float
    low: float
    high: float


class Labelled(_Contents):
    """What labelled pages say."""

    pages: int = Field(description="Pages in the file with gold text.")
    found: int = Field(description="Compared documents that are among them.")
    other_text: int = Field(description="Documents that have a page's address or id and another text.")
    trained_on: int = Field(description="Of those found, pages of sites that the refiner lab trains on.")
    raw: dict[str, float] = Field(description="Word F1 of the raw text by regime: what keeping everything scores.")
    scores: tuple[LabelledScores, ...]
    differences: tuple[ScoreDifference, ...]


class SampleKind(StrEnum):
    """What a sample shows."""

    FIRST_KEEPS = "only the first keeps it"
    SECOND_KEEPS = "only the second keeps it"
    LINES = "most lines differ"


class SampleLine(_Contents):
    """A raw line."""

    number: int = Field(description="Counted from 0.")
    text: str = Field(description="Its beginning.")
    removed_by: str | None = Field(description="Corpus whose refiner alone removes it; null for one of the longest.")


class Sample(_Contents):
    """A document on which two refiners differ."""

    kind: SampleKind
    first: str
    second: str
    source_file: str
    source_row: int
    url: str | None
    doc_ids: dict[str, str] = Field(description="Its id in every corpus.")
    outcomes: dict[str, str] = Field(description="What became of it in the two corpora, with the reason.")
    differing_lines: int = Field(description="Visible lines that only one of the two removes.")
    visible_lines: int
    lines: tuple[SampleLine, ...]


class LeftOut(_Contents):
    """A shard that is not compared."""

    shard: str
    why: str


class Unmatched(_Contents):
    """Documents of a corpus that have no counterpart in every other corpus."""

    corpus: str
    missing_elsewhere: int = Field(description="Another corpus has no document from that row.")
    other_text: int = Field(description="Another corpus has another raw text or file there.")
    examples: tuple[str, ...] = Field(description="Some of them: source file and row.")

    @property
    def documents(self) -> int:
        """All of them."""
        return self.missing_elsewhere + self.other_text


class Comparison(_Contents):
    """Several refiners on the same documents."""

    name: str
    lake: str
    written: datetime = Field(description="In UTC.")
    version: str = Field(description="Version of prox_assets.")
    identity: str = Field(description="Hash of the settings and of every execution that was read.")
    corpora: tuple[str, ...]
    seed: int
    shards: int
    documents: int
    with_site: int = Field(description="Documents whose site is known; intervals take any other as a site of its own.")
    groups: int = Field(description="Sites that the intervals were drawn over; sites beyond 1,024 share groups.")
    tokenizer: str | None
    refiners: tuple[RefinerSummary, ...]
    pairs: tuple[PairAgreement, ...]
    costs: tuple[RefinerCost, ...]
    labelled: Labelled | None
    samples: tuple[Sample, ...]
    left_out: tuple[LeftOut, ...]
    unmatched: tuple[Unmatched, ...]

    @property
    def pair_of(self) -> Mapping[tuple[str, str], PairAgreement]:
        """The pairs by their corpora, in the order of `corpora`."""
        return {(pair.first, pair.second): pair for pair in self.pairs}
