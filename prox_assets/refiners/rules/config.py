"""The settings of the `rules` refiner: published thresholds by default."""

from pydantic import BaseModel, ConfigDict, Field

from prox_assets.published_rules import c4, fineweb, gopher

# Raise this when a rule changes in a way that its settings do not show; it marks stored programs as outdated.
RULES_VERSION = 3


def _is_off(value: int) -> bool:
    return not value


class LineRuleSettings(BaseModel):
    """Which lines the chunk-level rules remove; `text_measures` defines words and lengths."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_word_characters: int = Field(
        default=c4.MAX_WORD_LENGTH, ge=1, description="Remove a line with a longer word (C4, T5 paper and code)."
    )
    remove_javascript: bool = Field(
        default=True, description='C4: remove lines that mention "javascript"; only short ones, which are notices.'
    )
    remove_policy_lines: bool = Field(
        default=True, description="C4: remove short lines with a phrase about cookies, privacy or terms."
    )
    notice_max_words: int = Field(default=30, ge=1, description="A longer line is prose rather than a notice.")
    remove_widgets: bool = Field(
        default=True, description="Remove lines that consist of share, login, subscription and pagination controls."
    )
    remove_isolated_short_lines: bool = Field(
        default=True,
        description="Remove lines that are not prose and have none near them: menus, link lists, footers. The values "
        "below were chosen on labelled pages (word F1 .78, C4's line rules .76, raw text .72).",
    )
    require_terminal_punctuation: bool = Field(
        default=False,
        description="C4: remove every line without terminal punctuation, headings and code included. FineWeb leaves "
        "this rule out.",
    )
    min_words: int = Field(
        default=c4.MIN_WORDS_PER_LINE,
        ge=0,
        description="C4, with require_terminal_punctuation: fewest words of a line.",
    )
    sentence_min_words: int = Field(default=5, ge=1, description="Fewest words of prose that ends a sentence.")
    prose_min_words: int = Field(default=12, ge=1, description="Fewest words of prose however it ends.")
    heading_reach: int = Field(
        default=1, ge=0, description="How many lines before prose a line may be and still count as its heading."
    )
    prose_reach: int = Field(default=4, ge=1, description="How far from a line to look for prose, blank lines aside.")
    min_prose_around: int = Field(
        default=3, ge=0, description="Number of nearby lines of prose needed to keep a short line or a list."
    )
    list_reach: int = Field(default=2, ge=1, description="How far before a list to look for its introduction.")
    list_max_short_items: int = Field(
        default=8, ge=0, description="Maximum length of a list whose items may be single words."
    )
    list_min_words: float = Field(default=4.0, ge=0, description="Fewest words per item that keep a longer list.")
    code_min_lines: int = Field(
        default=3, ge=1, description="Number of consecutive lines of code that are kept even far from prose."
    )
    strip_citations: bool = Field(
        default=True,
        description="C4: remove citation marks ([1], [edit], [citation needed]) that are marks wherever they occur.",
    )
    keep_formulas: bool = Field(
        default=False,
        exclude_if=_is_off,  # stored configurations stay as they were
        description="Remove no line that holds a formula, and let formulas count as prose for the lines around them.",
    )


class DocumentRuleSettings(BaseModel):
    """When the document-level rules drop a page, judged by the text that the chunk-level rules leave."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_words: int = Field(default=gopher.MIN_WORDS, ge=0, description="Gopher: fewest words.")
    max_words: int = Field(default=gopher.MAX_WORDS, ge=1, description="Gopher: most words.")
    min_mean_word_characters: float = Field(
        default=gopher.MIN_MEAN_WORD_LENGTH, ge=0, description="Gopher: shortest mean word, in alphabets."
    )
    max_mean_word_characters: float = Field(
        default=gopher.MAX_MEAN_WORD_LENGTH, gt=0, description="Gopher: longest mean word, in alphabets."
    )
    max_hash_ratio: float = Field(default=gopher.MAX_HASHES_PER_WORD, ge=0, description='Gopher: most "#" per word.')
    max_ellipsis_ratio: float = Field(
        default=gopher.MAX_ELLIPSES_PER_WORD, ge=0, description='Gopher: most "..." and "…" per word.'
    )
    max_bullet_lines: float = Field(
        default=gopher.MAX_BULLET_LINES, ge=0, le=1, description="Gopher: largest share of lines with a bullet."
    )
    max_ellipsis_lines: float = Field(
        default=gopher.MAX_ELLIPSIS_LINES, ge=0, le=1, description="Gopher: largest share of lines ending in ellipsis."
    )
    min_alphabetic_words: float = Field(
        default=gopher.MIN_ALPHABETIC_WORDS, ge=0, le=1, description="Gopher: smallest share of words with a letter."
    )
    min_stop_words: int = Field(
        default=gopher.MIN_STOP_WORDS,
        ge=0,
        description="Gopher: fewest different stop words; 0 turns the rule off. Latin script only, and only where at "
        "most a tenth of the letters do not belong to the list's language (a to z, and the list's own).",
    )
    stop_words: tuple[str, ...] = Field(
        default=gopher.STOP_WORDS,
        description="Gopher's English list; give another for a corpus in another Latin language.",
    )
    max_duplicate_lines: float = Field(
        default=gopher.MAX_DUPLICATE_LINES, ge=0, le=1, description="Gopher: largest share of repeated lines."
    )
    max_duplicate_line_characters: float = Field(
        default=gopher.MAX_DUPLICATE_LINE_CHARACTERS,
        ge=0,
        le=1,
        description="Gopher: largest share of characters in such lines.",
    )
    max_top_bigram_characters: float = Field(
        default=gopher.TOP_NGRAMS[2], ge=0, le=1, description="Gopher: largest share in the commonest 2-gram."
    )
    max_top_trigram_characters: float = Field(
        default=gopher.TOP_NGRAMS[3], ge=0, le=1, description="The same for the commonest 3-gram."
    )
    max_top_fourgram_characters: float = Field(
        default=gopher.TOP_NGRAMS[4], ge=0, le=1, description="The same for the commonest 4-gram."
    )
    min_sentences: int = Field(
        default=3, ge=0, description="Fewest sentences. C4 asks for 5, which drops short but sound pages."
    )
    drop_lorem_ipsum: bool = Field(default=True, description='C4: drop pages that contain "lorem ipsum".')
    drop_curly_brackets: bool = Field(
        default=False, description='C4: drop pages that contain "{". Off, because it drops every page that shows code.'
    )
    min_punctuated_lines: float = Field(
        default=fineweb.MIN_PUNCTUATED_LINES,
        ge=0,
        le=1,
        description="FineWeb: smallest share of lines that end in terminal punctuation.",
    )
    max_short_lines: float = Field(
        default=fineweb.MAX_SHORT_LINES, ge=0, le=1, description="FineWeb: largest share of short lines."
    )
    short_line_characters: int = Field(
        default=fineweb.SHORT_LINE_CHARACTERS, ge=1, description="FineWeb: most characters of a short line."
    )
    max_newlines_per_word: float = Field(
        default=fineweb.MAX_NEWLINES_PER_WORD, ge=0, description="FineWeb: most line breaks per word."
    )
    maths_formula_lines: int = Field(
        default=0,
        ge=0,
        exclude_if=_is_off,
        description="Fewest lines with a formula that make a page one of mathematics, which is judged by its repeated "
        "lines only: its words, line lengths and punctuation say nothing. 0: every page is judged by all rules.",
    )


class RuleSettings(BaseModel):
    """All settings of the `rules` refiner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: LineRuleSettings = Field(default_factory=LineRuleSettings, description="Line rules (chunk level).")
    documents: DocumentRuleSettings = Field(default_factory=DocumentRuleSettings, description="Document rules.")
