"""Compares the refiners of several corpora: streams their shards, counts, and says what came of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from prox_assets import __version__
from prox_assets.comparison.agreement import Sums, pair_agreements, refiner_sums, share
from prox_assets.comparison.contents import Comparison, LeftOut, RefinerSummary, Unmatched
from prox_assets.comparison.costs import counted_tokens_per_character, refiner_costs
from prox_assets.comparison.counting import Batch, Counts, CountTokens
from prox_assets.comparison.errors import ComparisonError
from prox_assets.comparison.labelled import LabelledPages
from prox_assets.comparison.reading import Apart, MatchedDocument, compared_shards, matched_documents
from prox_assets.comparison.samples import Samples
from prox_assets.comparison.settings import ComparisonSettings
from prox_assets.lake.executions import published_execution
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.programs import Verdict
from prox_assets.proof.texts.outcomes import RefinedShard
from prox_assets.proof.tokens.tokenizer import save_tokenizer
from prox_assets.stages.run import Progress, silent

BATCH_DOCUMENTS = 256
BATCH_CHARACTERS = 4_000_000
"""A batch is complete when its raw text has so many characters, or so many documents."""

FAILURES = (Verdict.REFUSED, Verdict.CUT_OFF, Verdict.CRASHED, Verdict.REVERTED)


def compare(lake: Lake, settings: ComparisonSettings, progress: Progress = silent) -> Comparison:
    """Compare the refiners of corpora over the same raw files.

    Memory holds a row group of each corpus, a batch of documents, and sums that grow with the square of the number of
    corpora; labelled pages are read whole.

    Args:
        lake: The lake.
        settings: What is compared.
        progress: Called with (shards done, all shards).

    Raises:
        ComparisonError: The corpora have no document in common, or a table does not line up.
        ProofError: The tokenizer cannot be used.
        PagesError: The labelled pages cannot be read.
        LakeError: A file is damaged, or was replaced meanwhile.
    """
    shards = compared_shards(lake, settings.corpora)
    pages = LabelledPages(settings.labelled, settings.corpora) if settings.labelled is not None else None
    samples = Samples(settings.corpora, settings.samples, settings.seed)
    apart = [Apart() for _ in settings.corpora]
    counts = Counts(len(settings.corpora), _token_counter(settings.tokenizer) if settings.tokenizer else None)
    progress(0, len(shards.usable))
    for done, refined in enumerate(shards.usable.values(), 1):
        for documents in _batches(matched_documents(lake, refined, apart)):
            batch = Batch(documents)
            samples.add(batch, counts.add(batch))
            if pages is not None:
                pages.add(documents)
        progress(done, len(shards.usable))
    if not any(of.documents for of in apart):
        raise ComparisonError(
            f"there is nothing to compare: the input of {' and '.join(settings.corpora)} has no document"
        )
    if not counts.total:
        raise ComparisonError(
            f"{' and '.join(settings.corpora)} are of different raw files: no row of theirs has the same text in all "
            f"of them ({_example(settings.corpora, apart)}). Refine them from the same files, cut into the same shards"
        )
    return _contents(lake, settings, shards.usable, shards.left_out, counts, apart, samples, pages)


def _batches(documents: Iterator[MatchedDocument]) -> Iterator[list[MatchedDocument]]:
    batch: list[MatchedDocument] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.raw.text)
        if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _token_counter(source: str) -> CountTokens:
    with TemporaryDirectory() as folder:
        backend = save_tokenizer(source, Path(folder)).backend

    def count(texts: Sequence[str]) -> list[int]:
        return [len(found.ids) for found in backend.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count


def _example(corpora: Sequence[str], apart: Sequence[Apart]) -> str:
    for corpus, counts in zip(corpora, apart, strict=True):
        if counts.examples:
            return f"{corpus} alone has {counts.examples[0]}"
    return "none has a counterpart"


def _contents(
    lake: Lake,
    settings: ComparisonSettings,
    usable: Mapping[str, tuple[RefinedShard, ...]],
    left_out: Mapping[str, str],
    counts: Counts,
    apart: Sequence[Apart],
    samples: Samples,
    pages: LabelledPages | None,
) -> Comparison:
    corpora = settings.corpora
    summaries = tuple(
        _summary(lake, corpus, [*usable], side, counts, sums, has_tokens=settings.tokenizer is not None)
        for side, (corpus, sums) in enumerate(zip(corpora, refiner_sums(counts, settings.seed), strict=True))
    )
    tokens = _tokens_per_character(lake, summaries, usable)
    characters = {corpus: of.characters for corpus, of in zip(corpora, apart, strict=True)}
    executions = [[shard, *(each.execution for each in refined)] for shard, refined in usable.items()]
    return Comparison(
        name=settings.name,
        lake=lake.url,
        written=datetime.now(UTC),
        version=__version__,
        identity=fingerprint([settings.model_dump(mode="json"), executions, _stamp(settings.labelled)]),
        corpora=corpora,
        seed=settings.seed,
        shards=len(usable),
        documents=counts.total,
        with_site=counts.with_site,
        groups=counts.groups,
        tokenizer=settings.tokenizer,
        refiners=summaries,
        pairs=tuple(pair_agreements(counts, [*combinations(corpora, 2)], settings.seed)),
        costs=tuple(refiner_costs(lake, corpora, [*usable], characters, tokens)),
        labelled=pages.contents(settings.seed) if pages else None,
        samples=tuple(samples.chosen()),
        left_out=tuple(LeftOut(shard=shard, why=why) for shard, why in left_out.items()),
        unmatched=tuple(
            Unmatched(
                corpus=corpus,
                missing_elsewhere=of.missing_elsewhere,
                other_text=of.other_text,
                examples=tuple(of.examples),
            )
            for corpus, of in zip(corpora, apart, strict=True)
            if of.missing_elsewhere or of.other_text
        ),
    )


def _summary(
    lake: Lake, corpus: str, shards: Sequence[str], side: int, counts: Counts, sums: Sums, *, has_tokens: bool
) -> RefinerSummary:
    said = {table: [lake.require(corpus, table, shard) for shard in shards] for table in _REFINERS}
    refiners = {table: [info.notes.get("refiner") or {} for info in infos] for table, infos in said.items()}
    executions = [published_execution(lake, corpus, shard) for shard in shards]
    return RefinerSummary(
        corpus=corpus,
        doc_refiners=_names(refiner.get("name") for refiner in refiners[Table.DOC_PROGRAMS]),
        chunk_refiners=_names(refiner.get("name") for refiner in refiners[Table.CHUNK_PROGRAMS]),
        dialects=_names(each.configuration["policy"].get("dialect") for each in executions),
        policies=len({each.fingerprint for each in executions}),
        outcomes={outcome.value: counts.outcomes[side][outcome] for outcome in Outcome},
        documents_kept=sums.estimate(share("kept", "decided")),
        characters_before=sums.total("characters_before"),
        characters_after=sums.total("characters_after"),
        characters_kept=sums.estimate(share("characters_after", "characters_before")),
        words_before=sums.total("words_before"),
        words_after=sums.total("words_after"),
        words_kept=sums.estimate(share("words_after", "words_before")),
        tokens_before=sums.total("tokens_before") if has_tokens else None,
        tokens_after=sums.total("tokens_after") if has_tokens else None,
        tokens_kept=sums.estimate(share("tokens_after", "tokens_before")) if has_tokens else None,
        lines=sums.total("lines"),
        lines_removed=sums.total("lines_removed"),
        programs=counts.verdicts[side].total(),
        failures={verdict: counts.verdicts[side][verdict] for verdict in FAILURES},
        rewrites_recorded=counts.rewrites[side],
    )


_REFINERS = (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS)


def _names(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))


def _tokens_per_character(
    lake: Lake, summaries: Sequence[RefinerSummary], shards: Mapping[str, object]
) -> float | None:
    """Return tokens per character of raw text: by the given tokenizer, else by that of a refiner that has one."""
    first = summaries[0]
    if first.tokens_before is not None and first.characters_before:
        return first.tokens_before / first.characters_before
    return counted_tokens_per_character(lake, [summary.corpus for summary in summaries], [*shards])


def _stamp(labelled: Path | None) -> list[int] | None:
    if labelled is None:
        return None
    status = labelled.stat()
    return [status.st_size, status.st_mtime_ns]
