"""What published rules leave of the documents: Gopher's, C4's and FineWeb's, as `monitoring.signals` measures them."""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from prox_assets.monitoring.signals import FAMILIES, SignalFamily, document_signals
from prox_assets.monitoring.signals.c4 import C4, c4_kept_lines
from prox_assets.proof.arms.context import ArmContext, ArmPart, parts_of, raw_source
from prox_assets.proof.arms.lines import Span, cut, spans_of_lines, without
from prox_assets.proof.arms.table import dropped_where, whole, with_spans
from prox_assets.proof.settings import RulesArm
from prox_assets.published_rules import c4
from prox_assets.published_rules.texts import WHITE_SPACE

_FAMILIES = {family.name: family for family in FAMILIES}
_CITATION = re.compile(c4.CITATION)


def rules_parts(context: ArmContext, arm: RulesArm) -> Iterator[ArmPart]:
    """Yield the arm, shard by shard.

    As a refiner, the rules apply in the order in which they are named, as in FineWeb's pipeline: those after C4 judge
    what C4 has left.
    """
    families = [_FAMILIES[name] for name in arm.rules]
    for shard, rows in context.shards():
        frames = []
        for frame in context.texts(shard, rows):
            if arm.use == "filter" or C4 not in families:
                reasons = broken_rules(frame["text"], families)
                frames.append(dropped_where(whole(frame), reasons.is_not_null(), pl.lit(reasons)))
                continue
            spans = c4_spans(frame["text"])
            left = pl.Series("text", [cut(*pair) for pair in zip(frame["text"], spans, strict=True)], pl.String)
            place = families.index(C4)
            before, after = (
                broken_rules(frame["text"], families[: place + 1]),
                broken_rules(left, families[place + 1 :]),
            )
            reasons = before.zip_with(before.is_not_null(), after)
            stays = reasons.is_null().to_list()
            parts = [parts if keep else [] for parts, keep in zip(spans, stays, strict=True)]
            frames.append(with_spans(frame, parts, pl.lit(reasons)))
        yield shard.corpus, raw_source(shard), parts_of(whole(rows), frames)


def broken_rules(texts: pl.Series, families: Sequence[SignalFamily]) -> pl.Series:
    """Return the first rule that each text breaks, with its value; null for a text that passes all."""
    if not families or not len(texts):
        return pl.Series("reason", [None] * len(texts), pl.String)
    signals = document_signals(pl.LazyFrame({"text": texts}), families).collect()
    broken = [
        pl.when(~rule.holds()).then(
            pl.format(
                "{}: {}, but is {}", pl.lit(family.name), pl.lit(str(rule)), pl.col(rule.signal).round_sig_figs(3)
            )
        )
        for family in families
        for rule in family.rules
    ]
    has_no_words = pl.when(~pl.all_horizontal([family.passes() for family in families])).then(pl.lit("no words"))
    return signals.select(pl.coalesce(*broken, has_no_words).alias("reason")).to_series()


def c4_spans(texts: pl.Series) -> list[list[Span]]:
    """Return what C4 leaves of each text: the lines that it keeps, without their citations."""
    spans = []
    for text, verdicts in zip(texts, c4_kept_lines(pl.LazyFrame({"text": texts})), strict=True):
        lines, judged = text.split("\n"), iter(verdicts)
        kept = [bool(line.strip(WHITE_SPACE)) and next(judged) for line in lines]
        parts = spans_of_lines([*map(len, lines)], kept)
        spans.append(without(parts, (match.span() for match in _CITATION.finditer(text))))
    return spans
