"""The settings of the `rules` refiner: published thresholds, each with its source.

The rules themselves are in line_rules.py and document_rules.py.
"""

from pydantic import BaseModel, ConfigDict, Field

# Raise this when a rule changes in a way that its settings do not show; it marks stored programs as outdated.
RULES_VERSION = 2

GOPHER_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class LineRuleSettings(BaseModel):
    """Which lines the chunk-level rules remove; `text_measures` defines words and lengths."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_word_characters: int = Field(
        default=1000, ge=1, description="Remove a line with a longer word (C4, T5 paper and code)."
    )
    remove_javascript: bool = Field(
        default=True,
        description='Remove short lines that mention "javascript": the C4 rule, for notices rather than prose.',
    )
    remove_policy_lines: bool = Field(
        default=True, description="Remove short lines with a C4 policy phrase (cookies, terms)."
    )
    notice_max_words: int = Field(
        default=30,
        ge=1,
        description="A longer line is prose about JavaScript or cookies rather than a notice, and stays.",
    )
    remove_widgets: bool = Field(
        default=True, description="Remove lines that consist of share, login, subscription and pagination controls."
    )
    remove_isolated_short_lines: bool = Field(
        default=True,
        description="Remove lines that are no prose and have none around them: menus, link lists, footers. The values "
        "below were chosen on labelled pages (word F1 .78, C4's line rules .76, raw text .72).",
    )
    require_terminal_punctuation: bool = Field(
        default=False,
        description="Remove every line without terminal punctuation, as C4 does, headings and code included. "
        "FineWeb's recipe turns this C4 rule off.",
    )
    min_words: int = Field(
        default=3, ge=0, description="With require_terminal_punctuation: remove lines with fewer words too (C4)."
    )
    sentence_min_words: int = Field(
        default=5, ge=1, description="A line of at least so many words that ends in terminal punctuation is prose."
    )
    prose_min_words: int = Field(
        default=12, ge=1, description="A line of at least so many words is prose however it ends."
    )
    heading_reach: int = Field(
        default=1, ge=0, description="A line at most so far before prose may be its heading, and stays."
    )
    prose_reach: int = Field(
        default=4, ge=1, description="How far around a line prose is looked for, blank lines aside."
    )
    min_prose_around: int = Field(default=3, ge=0, description="Prose lines so near that keep a short line or a list.")
    list_reach: int = Field(default=2, ge=1, description="How far before a list its introduction in prose may be.")
    list_max_short_items: int = Field(
        default=8, ge=0, description="A list of at most so many items may have items of one word."
    )
    list_min_words: float = Field(
        default=4.0, ge=0, description="Mean words per item that a longer list needs to stay."
    )
    code_min_lines: int = Field(
        default=3, ge=1, description="So many consecutive lines of code stay even far from prose."
    )
    strip_citations: bool = Field(
        default=True,
        description="Write normalize calls for C4's citation marks ([1], [edit], [citation needed]) where exact.",
    )


class DocumentRuleSettings(BaseModel):
    """When the document-level rules drop a page, judged by the text that the line rules would leave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_words: int = Field(default=50, ge=0, description="Gopher: fewest words.")
    max_words: int = Field(default=100_000, ge=1, description="Gopher: most words.")
    min_mean_word_characters: float = Field(default=3.0, ge=0, description="Gopher: shortest mean word, in alphabets.")
    max_mean_word_characters: float = Field(default=10.0, gt=0, description="Gopher: longest mean word, in alphabets.")
    max_hash_ratio: float = Field(default=0.1, ge=0, description='Gopher: most "#" per word.')
    max_ellipsis_ratio: float = Field(default=0.1, ge=0, description='Gopher: most "..." and "…" per word.')
    max_bullet_lines: float = Field(
        default=0.9, ge=0, le=1, description="Gopher: largest share of lines that open a list item."
    )
    max_ellipsis_lines: float = Field(
        default=0.3, ge=0, le=1, description="Gopher: largest share of lines ending in ellipsis."
    )
    min_alphabetic_words: float = Field(
        default=0.8, ge=0, le=1, description="Gopher: smallest share of words with a letter."
    )
    min_stop_words: int = Field(
        default=2,
        ge=0,
        description="Gopher: fewest occurrences of stop words; 0 turns the rule off. Latin script only, and "
        "only where at most a tenth of the letters are none of the list's language (a to z, and the list's own).",
    )
    stop_words: tuple[str, ...] = Field(
        default=GOPHER_STOP_WORDS,
        description="Gopher's English list; give another for a corpus in another Latin language.",
    )
    max_duplicate_lines: float = Field(
        default=0.3, ge=0, le=1, description="Gopher repetition: largest share of lines that repeat an earlier line."
    )
    max_duplicate_line_characters: float = Field(
        default=0.2, ge=0, le=1, description="Gopher repetition: largest share of characters in such lines."
    )
    max_top_bigram_characters: float = Field(
        default=0.2, ge=0, le=1, description="Gopher repetition: largest share of characters in the commonest 2-gram."
    )
    max_top_trigram_characters: float = Field(
        default=0.18, ge=0, le=1, description="The same for the commonest 3-gram."
    )
    max_top_fourgram_characters: float = Field(
        default=0.16, ge=0, le=1, description="The same for the commonest 4-gram."
    )
    min_sentences: int = Field(
        default=3, ge=0, description="Fewest sentences. C4 asks for 5, which drops short but sound pages."
    )
    drop_lorem_ipsum: bool = Field(default=True, description='C4: drop pages that contain "lorem ipsum".')
    drop_curly_brackets: bool = Field(
        default=False, description='C4: drop pages that contain "{". Off, because it drops every page that shows code.'
    )
    min_punctuated_lines: float = Field(
        default=0.12, ge=0, le=1, description="FineWeb: smallest share of lines that end in terminal punctuation."
    )
    max_short_lines: float = Field(
        default=0.67, ge=0, le=1, description="FineWeb: largest share of lines up to 30 characters."
    )
    short_line_characters: int = Field(default=30, ge=1, description="FineWeb: what a short line is.")
    max_newlines_per_word: float = Field(default=0.3, ge=0, description="FineWeb: most line breaks per word.")


class RuleSettings(BaseModel):
    """All settings of the `rules` refiner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: LineRuleSettings = Field(default_factory=LineRuleSettings, description="Line rules (chunk level).")
    documents: DocumentRuleSettings = Field(default_factory=DocumentRuleSettings, description="Document rules.")
