r"""Words of a text that a tokenizer encodes independently of each other, and a cache of their tokens.

Belongs here: where a text may be cut so that the tokens of the pieces are those of the whole, for the kinds of
tokenizers of which that can be told, and the cache. Not here: prompts, or tokenizers that tell nothing (they encode
whole texts, tokenization.py).

Byte-pair encoding joins neighbours only where the joined string is in the vocabulary, so nothing is ever joined across
two characters that no token holds side by side. In SentencePiece vocabularies of the Llama kind no token holds a space
behind another character, nor a line break beside anything: words are encoded as if each stood alone. Byte-level
tokenizers with the pattern of GPT-2 cut a text at every such place by themselves. Web text repeats its words, so that
looking them up costs a fraction of encoding them again.
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
# Longer pieces are addresses and the like: they hardly come again, and are not kept.
MAX_CACHED_CHARACTERS = 24
PIECES_PER_CALL = 256
# Some 50 MB with keys, ids and starts; when it is full it starts anew, and is warm again within a few hundred pages.
MAX_CACHED_PIECES = 1 << 17

_GPT2_PIECES = re.compile(
    # White space goes with what follows it. Python takes \x1c to \x1f for white space, the pattern of GPT-2 does not.
    # Behind "[012]", a line's label, the pattern cuts before a letter.
    r"[^\S\x1c-\x1f]*\[[0-9]+\](?=[A-Za-z])|[^\S\x1c-\x1f]*[\S\x1c-\x1f]+|[^\S\x1c-\x1f]+"
)


@dataclass(frozen=True, slots=True)
class PieceRule:
    """How a tokenizer's texts are cut into pieces.

    Attributes:
        pattern: Finds the pieces; together they are the whole text.
        opening: Text that a piece is encoded behind, so that nothing is put before it as before a whole text.
        foreign: Texts that hold this are not cut; "" for none.
    """

    pattern: re.Pattern[str]
    opening: str
    foreign: str


def piece_rule(tokenizer: Tokenizer) -> PieceRule | None:
    """Return how texts may be cut so that pieces have the tokens of the whole, or None where that cannot be told."""
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
        # Only merges join: a token that no merge makes, such as "<s>", is never met inside text.
        return _sentencepiece_rule(model["vocab"], {added["content"] for added in settings["added_tokens"]})
    return None


def _marks_spaces(normalizer: dict[str, Any] | None, before: dict[str, Any] | None) -> bool:
    """Tell whether all that happens to a text is a space put before it and a mark for every space."""
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
    # "<s>" and the bytes "<0x0A>" are no strings that anything is joined to.
    joinable = [token for token in vocabulary if token not in never_joined and not _BYTE.fullmatch(token)]
    pairs = set(chain.from_iterable(map(pairwise, joinable)))
    if any("\n" in pair or (pair[1] == SPACE_MARK and pair[0] != SPACE_MARK) for pair in pairs):
        return None
    joined = _character_class({right for left, right in pairs if left == "]"})
    # A label stands alone unless "]" may be joined with what follows it.
    label = rf"\[[0-9]+\](?![{joined}])" if joined else r"\[[0-9]+\]"
    word = _character_class(_joined_with_letters(pairs))
    return PieceRule(re.compile(rf"{label}| *[{word}]+| *[^ \n{word}]+| +|\n"), "\n", SPACE_MARK)


def _joined_with_letters(pairs: set[tuple[str, str]]) -> set[str]:
    """Return the letters of English and every character that may come to stand in one token with any of these."""
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
    """The tokens of pieces, encoded once each as long as there is room."""

    def __init__(self, tokenizer: Tokenizer, rule: PieceRule) -> None:
        self._tokenizer = tokenizer
        self._rule = rule
        self._opening_tokens = len(tokenizer.encode(rule.opening, add_special_tokens=False)) if rule.opening else 0
        self._ids: dict[str, tuple[int, ...]] = {}
        self._starts: dict[str, tuple[int, ...]] = {}
        # Pieces that a text begins with are encoded with what is put before a text.
        self._first: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def encode(self, texts: Sequence[str]) -> list[PieceEncoding]:
        """Encode texts, none of which may hold what the rule calls foreign or a lone surrogate."""
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
        """Return for each token of a piece the index of the character in which it starts."""
        if piece not in self._starts:
            self._learn({piece})
            found = self._starts[piece]
            self._forget({piece})
            return found
        return self._starts[piece]

    def _forget(self, learnt: set[str]) -> None:
        """Keep the cache small once the pieces that were learnt have served."""
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
        # A call takes longer than encoding a word: many go together, each behind an opening of its own.
        groups = [ordered[first : first + PIECES_PER_CALL] for first in range(0, len(ordered), PIECES_PER_CALL)]
        opening = self._rule.opening
        for group, encoding in zip(
            groups, self._encode([opening + opening.join(group) for group in groups]), strict=True
        ):
            self._divide(group, encoding.ids, [start for start, _ in encoding.offsets])

    def _divide(self, group: list[str], ids: list[int], starts: list[int]) -> None:
        """Give each piece of a group its tokens."""
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
    """The tokens of one text as its pieces have them.

    Attributes:
        ids: Token ids.
        pieces: The pieces, the first among them.
        parts: The token ids of each piece.
        first: Ids and starts of the first piece where it is encoded in a way of its own, else None.
        cache: What knows the pieces.
    """

    ids: tuple[int, ...]
    pieces: list[str]
    parts: list[tuple[int, ...]]
    first: tuple[tuple[int, ...], tuple[int, ...]] | None
    cache: PieceCache

    def tokens_before(self, character: int) -> int:
        """Return how many tokens start before a character of the text, given by its index."""
        piece = bisect_right(self._places, character) - 1
        if piece == len(self.pieces):
            return len(self.ids)
        place = self._places[piece]
        return self._counts[piece] + (bisect_left(self._starts(piece), character - place) if character > place else 0)

    def start(self, token: int) -> int:
        """Return the index of the character in which a token starts."""
        piece = bisect_right(self._counts, token) - 1
        return self._places[piece] + self._starts(piece)[token - self._counts[piece]]

    def _starts(self, piece: int) -> tuple[int, ...]:
        return self.first[1] if piece == 0 and self.first is not None else self.cache.starts(self.pieces[piece])

    @cached_property
    def _places(self) -> list[int]:
        """For each piece the index of its first character; last the length of the text."""
        return [*accumulate(map(len, self.pieces), initial=0)]

    @cached_property
    def _counts(self) -> list[int]:
        """For each piece the number of tokens before it; last the number of all."""
        return [*accumulate(map(len, self.parts), initial=0)]
