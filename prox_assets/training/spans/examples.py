"""Training examples for decisions inside lines: real candidates of labelled pages, synthetic noise, and hard negatives.

labels.py judges real candidates, fragments.py and hard_negatives.py hold the templates.
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prox_assets.refiners.spans.candidates import Candidate, find_candidates
from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.spans.fragments import PLACES, fragment
from prox_assets.training.spans.hard_negatives import hard_negative
from prox_assets.training.spans.labels import compact, label_span

# Limit per page: the same mark on hundreds of its lines teaches nothing new.
REAL_PER_KIND = 20
SYNTHETIC_LINES_PER_PAGE = 16
HARD_NEGATIVES_PER_PAGE = 9

OVERRUN_CHARACTERS = 10
PROSE_WORDS = 8
PROSE_CHARACTERS = 1_500
_PROSE_END = re.compile(r"[.!?。！？][\"”’)]?\s*$")
_SENTENCE_END = re.compile(r"[.!?][\"”’)]?(?=\s|$)|[。！？]")


@dataclass(frozen=True, slots=True)
class SpanExample:
    """One decision with its answer.

    Attributes:
        candidate: A span of the line, exactly as `find_candidates` returns it.
        remove_target: Target P(remove), in [0, 1].
        source: Where the target comes from: gold:KIND or rule:KIND for real lines, made:KIND for synthetic noise,
            overrun:KIND for a span that covers synthetic noise and text beside it, lookalike:KIND for hard negatives.
    """

    line: str
    candidate: Candidate
    remove_target: float
    source: str


def span_examples(pages: Iterable[LabelledPage], seed: int) -> Iterator[SpanExample]:
    """Yield the examples of labelled pages of one split, page by page; equal pages and seeds give equal examples."""
    for number, page in enumerate(pages):
        rng = random.Random(f"{seed}:{number}:{page.site}")  # noqa: S311 (nothing secret)
        yield from _real(page, rng)
        prose = _prose_lines(page)
        rng.shuffle(prose)
        for line in prose[:SYNTHETIC_LINES_PER_PAGE]:
            yield from _synthetic(line, rng)
        beside = prose[SYNTHETIC_LINES_PER_PAGE:] or prose
        for _ in range(HARD_NEGATIVES_PER_PAGE):
            yield from _hard_negative(rng.choice(beside) if beside else "", rng)


def _real(page: LabelledPage, rng: random.Random) -> list[SpanExample]:
    """Return judged candidates of lines not labelled boilerplate; of each kind at most REAL_PER_KIND, sampled."""
    gold = compact(page.gold)
    found: dict[NoiseKind, list[SpanExample]] = {}
    labelled = zip(page.text_full.split("\n"), page.keep_full, strict=True)
    for line in dict.fromkeys(line for line, label in labelled if label != 0):
        for span in find_candidates(line):
            judged = label_span(line, span, gold)
            if judged is not None:
                example = SpanExample(line, span, judged.remove_target, judged.source)
                found.setdefault(span.kind, []).append(example)
    return [
        example
        for examples in found.values()
        for example in (examples if len(examples) <= REAL_PER_KIND else rng.sample(examples, REAL_PER_KIND))
    ]


def _prose_lines(page: LabelledPage) -> list[str]:
    """Return the lines of a page that are prose without any candidate, each once, in order."""
    text, labels = (page.text_main, page.keep_main) if page.text_main.strip() else (page.text_full, page.keep_full)
    lines = dict.fromkeys(line for line, label in zip(text.split("\n"), labels, strict=True) if label == 1)
    return [line for line in lines if _is_prose(line) and not find_candidates(line)]


def _is_prose(line: str) -> bool:
    long_enough = line.count(" ") >= PROSE_WORDS or (not line.isascii() and len(line) >= 5 * PROSE_WORDS)
    return long_enough and len(line) <= PROSE_CHARACTERS and _PROSE_END.search(line) is not None


def _synthetic(line: str, rng: random.Random) -> Iterator[SpanExample]:
    """Yield the examples of one line with synthetic noise; noise that is not found as one span is left out."""
    kind = rng.choice(list(NoiseKind))
    count = rng.choice((1, 1, 1, 2, 3)) if kind in (NoiseKind.CITATION, NoiseKind.URL) else rng.choice((1, 1, 1, 2))
    noisy, fragments = _with_fragments(line, [(kind, fragment(kind, rng)) for _ in range(count)], rng)
    for span in find_candidates(noisy):
        if any(_covers(noisy, span, start, end) for start, end in fragments):
            yield SpanExample(noisy, span, 1.0, f"made:{span.kind}")
        elif any(_overruns(span, start, end) for start, end in fragments):
            yield SpanExample(noisy, span, 0.0, f"overrun:{span.kind}")


def _with_fragments(
    line: str, fragments: Sequence[tuple[NoiseKind, str]], rng: random.Random
) -> tuple[str, list[tuple[int, int]]]:
    """Insert fragments into a line; return the line and the fragments' positions."""
    ordered = sorted((_position(line, kind, rng), kind, text) for kind, text in fragments)
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    length = done = 0
    for position, kind, text in ordered:
        before, after = line[done:position], ""
        if position == 0:
            after = "" if kind is NoiseKind.INVISIBLE else " "
        elif not before.endswith(" ") and _spaced(kind, before[-1:], rng):
            before += " "
        pieces += (before, text, after)
        start = length + len(before)
        places.append((start, start + len(text)))
        length = start + len(text) + len(after)
        done = position
    return "".join((*pieces, line[done:])), places


def _spaced(kind: NoiseKind, left: str, rng: random.Random) -> bool:
    """Return whether a space goes before a fragment.

    Usually it does, but marks stick to words, and blocks lose the breaks between them.
    """
    if kind is NoiseKind.INVISIBLE:
        return rng.random() < 0.2
    if kind is NoiseKind.CITATION:
        return rng.random() < 0.15
    # An e-mail address right after a full stop would be read as a longer address.
    return left.isalnum() or kind is NoiseKind.EMAIL or rng.random() < 0.85


def _position(line: str, kind: NoiseKind, rng: random.Random) -> int:
    """Return a position where a fragment of this kind may go, drawn from the places that fit its kind."""
    place = rng.choice(PLACES[kind])
    if place == "anywhere":
        return rng.randrange(1, len(line))
    end = len(line.rstrip())
    if place == "end":
        return end
    if place == "edge":
        return rng.choice((0, end))
    if place == "sentence":
        return rng.choice([0, *(match.end() for match in _SENTENCE_END.finditer(line))])
    spaces = [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", line)]
    return rng.choice(spaces or [end])


def _covers(line: str, span: Candidate, start: int, end: int) -> bool:
    """Return whether a span matches the fragment at [start, end): nearly all of it, and next to nothing else.

    One of several buttons in a row may be found as a span of its own; it is noise by itself.
    """
    inside = compact(line[max(start, span.start) : min(end, span.end)])
    if span.kind is NoiseKind.SHARE and inside == compact(line[span.start : span.end]):
        return True
    return (
        len(inside) >= 0.8 * len(compact(line[start:end]))
        and len(compact(line[span.start : span.end])) <= len(inside) + 1
    )


def _overruns(span: Candidate, start: int, end: int) -> bool:
    """Return whether a span covers text beyond the fragment, as happens after a headline without a full stop."""
    outside = max(0, start - span.start) + max(0, span.end - end)
    return span.start < end and start < span.end and outside > OVERRUN_CHARACTERS


def _hard_negative(prose: str, rng: random.Random) -> Iterator[SpanExample]:
    """Yield the candidates in a hard negative, which stands alone or next to a line of prose."""
    text = hard_negative(rng)
    beside = rng.random()
    # Code and tables stand alone.
    before = f"{prose.rstrip()} " if beside < 0.3 and text[:1].isupper() else ""
    after = f" {prose.lstrip()}" if beside > 0.7 and text[:1].isupper() else ""
    line = before + text + after
    for span in find_candidates(line):
        if len(before) - 1 <= span.start and span.end <= len(before) + len(text) + 1:
            yield SpanExample(line, span, 0.0, f"lookalike:{span.kind}")
