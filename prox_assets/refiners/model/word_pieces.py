r"""Cuts texts into pieces that a tokenizer encodes independently of each other, and caches the tokens of each piece.

Byte-pair encoding merges two neighbours only if the merged string is in the vocabulary. It therefore never merges
across two characters that no token holds side by side. In SentencePiece vocabularies of the Llama kind, no token holds
a space after another character, or a line break next to anything else, so each word is encoded as if it stood alone.
Byte-level tokenizers with the GPT-2 pattern cut texts at such places themselves. Web text repeats its words, so a
lookup costs a fraction of encoding them again.

For other tokenizers there is no such rule, and tokenization.py encodes whole texts.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, pairwise
from string import ascii_letters
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
SPACE_MARK = "▁"  # what SentencePiece writes for a space
# Longer pieces are URLs and the like, which rarely come again, so they are not cached.
MAX_CACHED_CHARACTERS = 24
PIECES_PER_CALL = 256
# About 50 MB with keys, ids and starts. A full cache is emptied, and is warm again within a few hundred pages.
MAX_CACHED_PIECES = 1 << 17

_GPT2_PIECES = re.compile(
    # White space goes with what follows it. Python counts \x1c to \x1f as white space; the GPT-2 pattern does not.
    # After "[012]", a line's label, the pattern cuts before a letter.
    r"[^\S\x1c-\x1f]*\[[0-9]+\](?=[A-Za-z])|[^\S\x1c-\x1f]*[\S\x1c-\x1f]+|[^\S\x1c-\x1f]+"
)


@dataclass(frozen=True, slots=True)
class PieceRule:
    """How to cut texts into pieces for a tokenizer.

    Attributes:
        pattern: Matches the pieces; together they make up the whole text.
        opening: Text that each piece is encoded after, so that the tokenizer does not put before it what it puts
            before a whole text.
        foreign: Texts that contain this string are not cut; "" if all texts are.
    """

    pattern: re.Pattern[str]
    opening: str
    foreign: str


def piece_rule(tokenizer: Tokenizer) -> PieceRule | None:
    """Return how to cut texts so that the pieces' tokens are the whole text's tokens; None if no rule is known."""
    settings: dict[str, Any] = json.loads(tokenizer.to_str())
    model = settings["model"]
    plain = all(added["special"] for added in settings["added_tokens"])
    if model["type"] != "BPE" or model.get("dropout") or not plain:
        return None
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return None
    before = settings["pre_tokenizer"]
    if settings["normalizer"] is None and before is not None and before["type"] == "ByteLevel":
        own_pattern = before.get("use_regex", True) and not before.get("add_prefix_space", True)
        return PieceRule(_GPT2_PIECES, "", "") if own_pattern else None
    if _marks_spaces(settings["normalizer"], before) and model.get("byte_fallback"):
        # Only merges join characters: a token that no merge produces, such as "<s>", never occurs inside text.
        return _sentencepiece_rule(model["vocab"], {added["content"] for added in settings["added_tokens"]})
    return None


def _marks_spaces(normalizer: dict[str, Any] | None, before: dict[str, Any] | None) -> bool:
    """Return whether the tokenizer only prepends a space and replaces every space with the mark, nothing more."""
    if normalizer is None:
        return (
            before is not None
            and before["type"] == "Metaspace"
            and not before.get("split", True)
            and (before.get("replacement") == SPACE_MARK)
        )
    steps = normalizer.get("normalizers", [])
    return before is None and steps == [
        {"type": "Prepend", "prepend": SPACE_MARK},
        {"type": "Replace", "pattern": {"String": " "}, "content": SPACE_MARK},
    ]


def _sentencepiece_rule(vocabulary: dict[str, int], never_joined: set[str]) -> PieceRule | None:
    # "<s>" and bytes such as "<0x0A>" take part in no merge.
    joinable = [token for token in vocabulary if token not in never_joined and not _BYTE.fullmatch(token)]
    pairs = set(chain.from_iterable(map(pairwise, joinable)))
    if any("\n" in pair or (pair[1] == SPACE_MARK and pair[0] != SPACE_MARK) for pair in pairs):
        return None
    joined = _character_class({right for left, right in pairs if left == "]"})
    # A label is a piece of its own unless a token may join "]" with what follows it.
    label = rf"\[[0-9]+\](?![{joined}])" if joined else r"\[[0-9]+\]"
    word = _character_class(_joined_with_letters(pairs))
    return PieceRule(re.compile(rf"{label}| *[{word}]+| *[^ \n{word}]+| +|\n"), "\n", SPACE_MARK)


def _joined_with_letters(pairs: set[tuple[str, str]]) -> set[str]:
    """Return the English letters and every character that may share a token with one, directly or through others."""
    beside: dict[str, set[str]] = {}
    for left, right in pairs:
        if SPACE_MARK not in (left, right):
            beside.setdefault(left, set()).add(right)
            beside.setdefault(right, set()).add(left)
    found: set[str] = set()
    upcoming = set(ascii_letters)
    while upcoming:
        found |= upcoming
        upcoming = set().union(*(beside.get(character, ()) for character in upcoming)) - found
    return found


def _character_class(characters: set[str]) -> str:
    return "".join(map(re.escape, sorted(characters)))


class PieceCache:
    """The tokens of pieces, each encoded once while there is room."""

    def __init__(self, tokenizer: Tokenizer, rule: PieceRule) -> None:
        self._tokenizer = tokenizer
        self._rule = rule
        self._opening_tokens = len(tokenizer.encode(rule.opening, add_special_tokens=False)) if rule.opening else 0
        self._ids: dict[str, tuple[int, ...]] = {}
        self._starts: dict[str, tuple[int, ...]] = {}
        # First pieces of texts are encoded with whatever the tokenizer puts before a text.
        self._first: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def encode(self, texts: Sequence[str]) -> list[PieceEncoding]:
        """Encode texts; none may contain the rule's `foreign` string or a lone surrogate."""
        cut = [self._rule.pattern.findall(text) for text in texts]
        missing = set().union(*cut).difference(self._ids)
        self._learn(missing)
        ids = self._ids.__getitem__
        encoded: list[PieceEncoding] = []
        for pieces in cut:
            parts = [*map(ids, pieces)]
            first = None
            if self._rule.opening and pieces:
                first = self._at_the_start(pieces[0])
                parts[0] = first[0]
            encoded.append(PieceEncoding(tuple(chain.from_iterable(parts)), pieces, parts, first, self))
        self._forget(missing)
        return encoded

    def starts(self, piece: str) -> tuple[int, ...]:
        """Return, for each token of a piece, the index of the character in which it starts."""
        if piece not in self._starts:
            self._learn({piece})
            found = self._starts[piece]
            self._forget({piece})
            return found
        return self._starts[piece]

    def _forget(self, learnt: set[str]) -> None:
        """Keep the cache small, once the newly learnt pieces have been used."""
        if len(self._ids) > MAX_CACHED_PIECES:
            self._ids, self._starts, self._first = {}, {}, {}
            return
        for piece in learnt:
            if len(piece) > MAX_CACHED_CHARACTERS:
                del self._ids[piece], self._starts[piece]

    def _learn(self, pieces: set[str]) -> None:
        ordered = list(pieces)
        if not self._rule.opening:
            for piece, encoding in zip(ordered, self._encode(ordered), strict=True):
                self._ids[piece] = tuple(encoding.ids)
                self._starts[piece] = tuple(start for start, _ in encoding.offsets)
            return
        # A call costs more than encoding a word, so many words share one, each after an opening of its own.
        groups = [ordered[first : first + PIECES_PER_CALL] for first in range(0, len(ordered), PIECES_PER_CALL)]
        opening = self._rule.opening
        for group, encoding in zip(
            groups, self._encode([opening + opening.join(group) for group in groups]), strict=True
        ):
            self._divide(group, encoding.ids, [start for start, _ in encoding.offsets])

    def _divide(self, group: list[str], ids: list[int], starts: list[int]) -> None:
        """Assign to each piece of a group its tokens."""
        width = len(self._rule.opening)
        place, token = width, self._opening_tokens
        for piece in group:
            end = place + len(piece)
            behind = bisect_left(starts, end, token)
            self._ids[piece] = tuple(ids[token:behind])
            self._starts[piece] = tuple([start - place for start in starts[token:behind]])
            place, token = end + width, behind + 1

    def _at_the_start(self, piece: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        if piece not in self._first:
            [encoding] = self._encode([piece])
            found = tuple(encoding.ids), tuple(start for start, _ in encoding.offsets)
            if len(piece) > MAX_CACHED_CHARACTERS or len(self._first) >= MAX_CACHED_PIECES:
                return found
            self._first[piece] = found
        return self._first[piece]

    def _encode(self, texts: list[str]) -> list[Any]:
        return self._tokenizer.encode_batch(texts, add_special_tokens=False) if texts else []


@dataclass(frozen=True)
class PieceEncoding:
    """The tokens of one text, put together from its pieces.

    Attributes:
        token_ids: Token ids of the text.
        pieces: All pieces of the text, in order.
        parts: The token ids of each piece.
        first: Ids and starts of the first piece if the tokenizer encodes first pieces differently, else None.
        cache: The cache with the starts of the other pieces' tokens.
    """

    token_ids: tuple[int, ...]
    pieces: list[str]
    parts: list[tuple[int, ...]]
    first: tuple[tuple[int, ...], tuple[int, ...]] | None
    cache: PieceCache

    def tokens_before(self, character: int) -> int:
        """Return how many tokens start before the character at this index."""
        piece = bisect_right(self._places, character) - 1
        if piece == len(self.pieces):
            return len(self)
        place = self._places[piece]
        return self._counts[piece] + (bisect_left(self._starts(piece), character - place) if character > place else 0)

    def start(self, token: int) -> int:
        """Return the index of the character in which a token starts."""
        piece = bisect_right(self._counts, token) - 1
        return self._places[piece] + self._starts(piece)[token - self._counts[piece]]

    def __len__(self) -> int:
        return len(self.token_ids)

    def _starts(self, piece: int) -> tuple[int, ...]:
        return self.first[1] if piece == 0 and self.first is not None else self.cache.starts(self.pieces[piece])

    @cached_property
    def _places(self) -> list[int]:
        """The index of each piece's first character, and finally the length of the text."""
        return [*accumulate(map(len, self.pieces), initial=0)]

    @cached_property
    def _counts(self) -> list[int]:
        """The number of tokens before each piece, and finally the number of all tokens."""
        return [*accumulate(map(len, self.parts), initial=0)]
