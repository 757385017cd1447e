"""What a data set will hold, counted before anything is written: its files, their rows, languages and splits."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl
import xxhash

from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.languages import language_of
from prox_assets.proof.texts.outcomes import RefinedShard, refined_shard
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.rows import SPLIT, MetadataColumns, PublishedRows
from prox_assets.publishing.settings import PublishSettings
from prox_assets.stages.run import StageError
from prox_assets.tokens.splits import TRAIN

# Rows of a row group whose language is measured: of a large shard one in some dozen, which is enough for shares.
LANGUAGE_ROWS = 64


@dataclass
class PlannedFile:
    """A data file.

    Attributes:
        config: The configuration that it belongs to.
        split: Its split.
        segments: Rows of each shard, in order.
        path: Relative to the folder.
        identity: Hash of what its contents follow from.
    """

    config: str
    split: str
    segments: list[tuple[str, int]] = field(default_factory=list)
    path: str = ""
    identity: str = ""
    # Which documents are in it, in order: a withdrawal takes some out of a shard and leaves the shard's identity.
    documents: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)

    @property
    def rows(self) -> int:
        """Its rows."""
        return sum(rows for _, rows in self.segments)


@dataclass
class SurveyedShard:
    """A shard of a corpus.

    Attributes:
        refined: The shard.
        withheld: Documents that are left out because they are withdrawn.
        rows: Rows by split.
    """

    refined: RefinedShard
    withheld: list[str] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)


@dataclass
class SurveyedCorpus:
    """A corpus.

    Attributes:
        name: The corpus.
        shards: Its shards, in order.
        left_out: Shards that are not refined, and why.
        files: Its data files.
        languages: Documents by language or script, of those that were measured.
    """

    name: str
    shards: list[SurveyedShard] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    files: list[PlannedFile] = field(default_factory=list)
    languages: Counter[str] = field(default_factory=Counter)


@dataclass
class Survey:
    """A data set.

    Attributes:
        rows: Reads its rows.
        metadata: Types of the columns of the source.
        corpora: Its corpora.
        identity: Hash of what all of it follows from.
    """

    rows: PublishedRows
    metadata: dict[str, str]
    corpora: list[SurveyedCorpus]
    identity: str

    @property
    def languages(self) -> Counter[str]:
        """Documents by language or script."""
        return sum((corpus.languages for corpus in self.corpora), Counter())


def survey(lake: Lake, settings: PublishSettings, log: Callable[[str], None]) -> Survey:
    """Read all documents once and plan the files that will hold them.

    Raises:
        PublishError: A corpus is not in the lake, nothing of it is left to publish, a shard is not refined, or no
            document has a column of `metadata`.
        LakeError: The lake cannot be read.
    """
    rows = PublishedRows(lake, settings, withdrawn(lake))
    metadata = MetadataColumns(settings.metadata)
    corpora = [_corpus(lake, settings, rows, metadata, corpus, log) for corpus in settings.corpora]
    if metadata.empty:
        raise PublishError(
            f"no document has a value in the column {', '.join(metadata.empty)} of its source: `prox sql` shows the "
            "columns that there are (metadata in documents)"
        )
    if settings.splits and settings.site and not rows.has_site:
        raise PublishError(
            f"no document has a value in the column {settings.site!r} (site) of its source: name another column, or "
            "leave it out to go by the host of the URL"
        )
    for corpus in corpora:
        _name(corpus, settings, metadata.dtypes)
    written = settings.model_dump(mode="json", exclude={"to"})
    files = [[file.path, file.identity] for corpus in corpora for file in corpus.files]
    executions = [[s.refined.corpus, s.refined.shard, s.refined.execution] for c in corpora for s in c.shards]
    return Survey(rows, metadata.dtypes, corpora, fingerprint([written, files, executions]))


def _corpus(
    lake: Lake,
    settings: PublishSettings,
    rows: PublishedRows,
    metadata: MetadataColumns,
    name: str,
    log: Callable[[str], None],
) -> SurveyedCorpus:
    if name not in lake.corpora():
        raise PublishError(
            f"the lake {lake.url} has no corpus {name}; it has {', '.join(lake.corpora()) or 'none'}. "
            "`prox refine --corpus` makes one"
        )
    corpus = SurveyedCorpus(name)
    cutter = _Cutter(settings, corpus)
    for shard in sorted({*lake.shards(name, Table.SHARDS), *lake.shards(name, Table.DOCUMENTS)}):
        try:
            found = SurveyedShard(_refined(lake, name, shard))
        except StageError as error:
            if settings.unfinished == "refuse":
                raise PublishError(f"{error}. Or leave such shards out: `unfinished: leave_out`") from error
            corpus.left_out[shard] = "it is not refined, or is out of date"
            continue
        for frame in rows.of(found.refined, found.withheld):
            metadata.look(frame)
            some = frame.gather_every(-(-frame.height // LANGUAGE_ROWS))
            measured = some.select(language_of()).to_series().value_counts()
            corpus.languages.update(dict(measured.iter_rows()))
            found.rows.update(frame[SPLIT].to_list())
            cutter.take(shard, frame)
        corpus.shards.append(found)
        log(f"{name}/{shard}: {found.rows.total():,} documents to publish, {len(found.withheld):,} withdrawn")
    if not cutter.open:
        raise PublishError(f"nothing of corpus {name} can be published: no shard of it has a document that was kept")
    return corpus


def _refined(lake: Lake, corpus: str, shard: str) -> RefinedShard:
    if lake.info(corpus, Table.DOCUMENTS, shard) is None:
        raise PublishError(
            f"shard {shard!r} of corpus {corpus} has not been read yet: run `prox refine` for the corpus"
        )
    return refined_shard(lake, corpus, shard)


class _Cutter:
    """Cuts the rows of each split into files, by rows and bytes of text."""

    def __init__(self, settings: PublishSettings, corpus: SurveyedCorpus) -> None:
        self._settings = settings
        self._corpus = corpus
        self.open: dict[str, PlannedFile] = {}
        self._rows: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def take(self, shard: str, frame: pl.DataFrame) -> None:
        for split, size, doc_id in frame.select(SPLIT, pl.col("text").str.len_bytes(), "doc_id").iter_rows():
            full = self._rows[split] >= self._settings.rows_per_file
            if split not in self.open or full or self._bytes[split] >= self._settings.text_bytes_per_file:
                self.open[split] = PlannedFile(self._corpus.name, split)
                self._corpus.files.append(self.open[split])
                self._rows[split] = self._bytes[split] = 0
            self._rows[split] += 1
            self._bytes[split] += size
            self.open[split].documents.update(f"{doc_id}\n".encode())
            segments = self.open[split].segments
            if segments and segments[-1][0] == shard:
                segments[-1] = (shard, segments[-1][1] + 1)
            else:
                segments.append((shard, 1))


def _name(corpus: SurveyedCorpus, settings: PublishSettings, metadata: dict[str, str]) -> None:
    """Name a corpus's files, now that their number is known, and say what their contents follow from."""
    content = settings.model_dump(mode="json", include={"columns", "splits", "site", "seed"})
    identities = {shard.refined.shard: shard.refined.identity for shard in corpus.shards}
    corpus.files.sort(key=lambda file: (file.split != TRAIN, file.split))
    for split in {file.split for file in corpus.files}:
        files = [file for file in corpus.files if file.split == split]
        for number, file in enumerate(files):
            file.path = f"data/{corpus.name}/{split}-{number:05d}-of-{len(files):05d}.parquet"
            segments = [[shard, identities[shard], rows] for shard, rows in file.segments]
            documents = file.documents.hexdigest()
            file.identity = fingerprint([content, metadata, corpus.name, split, segments, documents])
