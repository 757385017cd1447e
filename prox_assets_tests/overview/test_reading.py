"""What an overview reads of whole, damaged, unfinished and empty lakes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prox_assets.catalog.compaction import compact
from prox_assets.compute.parameters import NO_MODEL
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.compute import record_attempt
from prox_assets.lake.records.exports import Export, Replica, record_export
from prox_assets.lake.records.judgements import append_judgement
from prox_assets.lake.records.proofs import ProofTable, write_proof_tables
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.machine.processor import processor
from prox_assets.overview.contents import CorpusOverview, LakeOverview, Level
from prox_assets.overview.reading import read_overview
from prox_assets.refiners.presets import preset
from prox_assets.tokens.manifest import MANIFEST, TokenizerNotes, TokenManifest, TokenShard
from prox_assets_tests.lakes import files_of, lake_at, table_file
from prox_assets_tests.monitoring.metric_lakes import metric_lake
from prox_assets_tests.monitoring.metric_rows import weeks
from prox_assets_tests.overview.lakes import SHARDS, two_corpora
from prox_assets_tests.stages.shard_runs import make_plan, read_shard_of


def of(overview: LakeOverview, corpus: str) -> CorpusOverview:
    [found] = [each for each in overview.corpora if each.corpus == corpus]
    return found


def texts(overview: LakeOverview) -> str:
    return "\n".join(f"{notice.level} {notice.corpus}: {notice.text}" for notice in overview.notices)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return two_corpora(tmp_path)


def test_every_corpus_is_counted_whether_its_tables_are_compacted_or_not(lake: Lake) -> None:
    found = read_overview(lake)
    assert [corpus.corpus for corpus in found.corpora] == ["web", "wiki"]
    web = of(found, "web")
    assert web.totals is not None
    assert (web.shards, web.totals.shards, web.totals.documents_in, web.totals.documents_out) == (2, 2, 6, 4)
    assert web.totals.outcomes["dropped_by_document"] == 2
    assert web.totals.characters_in == sum(map(len, lake.scan("web", Table.DOCUMENTS).collect()["text"]))
    assert [(used.shards, used.policy["mode"]) for used in web.refiners] == [(2, "strict")]
    assert [point.shards for point in web.trend] == [1, 1]
    assert sum(day.shards for day in web.days) == 2
    assert web.last_run == "run-1"
    assert (web.progress.done, web.progress.waiting) == (2, ())
    assert web.cost.attempts == 4
    assert web.drift.not_judged is not None
    assert "2 shards are measured" in web.drift.not_judged
    for corpus in ("web", "wiki"):
        compact(lake, corpus)
    again = read_overview(lake)
    assert [corpus.model_dump() for corpus in again.corpora] == [corpus.model_dump() for corpus in found.corpora]
    assert LakeOverview.model_validate_json(again.model_dump_json()) == again


def test_a_lake_without_a_corpus_and_one_without_an_execution(tmp_path: Path) -> None:
    assert read_overview(lake_at(tmp_path / "nothing")).corpora == ()
    read = read_shard_of(tmp_path, ["one", "two"])
    web = of(read_overview(read.lake), "web")
    assert web.totals is None
    assert [(each.stage, each.state, each.reason) for each in web.progress.waiting] == [
        ("doc_programs", "missing", "never made")
    ]
    assert web.level is Level.WARN


@pytest.mark.parametrize(
    ("table", "documents"),
    [(Table.SHARD_METRICS, 3), (Table.SHARD_METRICS_HISTORY, 6), (Table.DOC_PROGRAMS, 6), (Table.SHARDS, 6)],
)
def test_a_damaged_shard_is_named_and_hides_nothing_else(lake: Lake, table: Table, documents: int) -> None:
    table_file(lake, "web", table, SHARDS[1]).write_bytes(b"no parquet")
    found = read_overview(lake)
    web = of(found, "web")
    assert web.totals is not None
    assert web.totals.documents_in == documents
    assert f"{table}/{SHARDS[1]}" in texts(found) or "its file is damaged (two.jsonl)" in texts(found)
    assert of(found, "wiki").level is Level.FINE


def test_what_is_stale_is_told_with_its_reason_and_files_are_opened_within_a_limit(lake: Lake, tmp_path: Path) -> None:
    before = files_of(lake)
    blind = read_overview(lake, open_at_most=0, remember=False)
    assert (of(blind, "web").progress.done, of(blind, "web").progress.not_looked_at) == (0, 2)
    read_overview(lake, remember=False)
    assert files_of(lake) == before
    # A look at one shard leaves what it saw to the next.
    assert of(read_overview(lake, open_at_most=12), "web").progress.not_looked_at == 1
    assert of(read_overview(lake, open_at_most=12), "web").progress.done == 2
    assert of(read_overview(lake, open_at_most=0), "web").progress.done == 2
    table_file(lake, "web", Table.OUTCOMES, SHARDS[0]).unlink()
    [waiting] = of(read_overview(lake, open_at_most=0), "web").progress.waiting
    assert (waiting.stage, waiting.state, waiting.examples) == ("refined_shards", "missing", (SHARDS[0],))
    plan = make_plan(tmp_path / "raw", refiners=preset("keep-all"))
    stale = of(read_overview(lake, plans={"web": plan}), "web").progress.waiting
    assert {each.reason for each in stale} >= {"the document refiner has changed"}


def test_a_corpus_that_drifts_is_an_error(tmp_path: Path) -> None:
    counted = {"kept_unchanged": 0, "kept_edited": 0, "characters_in": 800_000, "characters_out": 600_000}
    rows = [*weeks(14), *weeks(16, drop=0.7)[14:]]
    lake = metric_lake(tmp_path / "lake", [{**row, **counted} for row in rows])
    found = read_overview(lake)
    web = of(found, "web")
    assert "dropped_documents" in [finding.measure for finding in web.drift.findings]
    assert web.level is Level.ERROR
    assert "error web: drift of dropped documents" in texts(found)


def test_a_failed_attempt_is_told_until_the_next_one_succeeds(lake: Lake) -> None:
    def attempt(error: Exception | None) -> None:
        with record_attempt(
            lake,
            "web",
            "doc_programs",
            SHARDS[0],
            run_id="r",
            model="m",
            refiner="x",
            device=processor(),
            parameters=NO_MODEL,
        ):
            if error is not None:
                raise error

    with pytest.raises(RuntimeError):
        attempt(RuntimeError("no room on the device"))
    found = read_overview(lake)
    assert of(found, "web").cost.failed == 1
    assert (
        "the last attempt at 1 shard failed; doc_programs of one.jsonl: RuntimeError: no room on the device"
        in texts(found)
    )
    attempt(None)
    found = read_overview(lake)
    assert of(found, "web").failures == ()
    assert of(found, "web").cost.failed == 1


def test_judgements_exports_withdrawals_and_proofs_are_counted(lake: Lake, tmp_path: Path) -> None:
    [document, *_] = lake.rows("web", Table.DOCUMENTS, SHARDS[0])
    said = {name: None for name in SCHEMAS[Table.JUDGEMENTS].names if name != "code_version"}
    of_document = {name: document[name] for name in ("corpus", "shard", "doc_id", "source_row", "text_hash")}
    append_judgement(
        lake, {**said, **of_document, "judged_at": datetime.now(UTC), "judge": "ada", "judgement": "good_edit"}
    )
    now = datetime.now(UTC)
    where = "hf://datasets/me/web"
    replicas = tuple(Replica(where, str(days), now - timedelta(days=days)) for days in (9, 2))
    record_export(lake, Export("dataset", "web", str(tmp_path / "published"), ("web",), replicas=replicas))
    tokens = Export("tokens", "both", str(tmp_path / "tokens"), ("web", "wiki"))
    record_export(lake, tokens)
    remember(lake, Withdrawal(WithdrawnBy.DOMAIN, "example.org", "asked", requested_at=now - timedelta(days=5)))
    remember(lake, Withdrawal(WithdrawnBy.DOMAIN, "example.com", "asked", requested_at=now - timedelta(days=1)))
    contrast = {"arm": "refined", "against": "raw", "primary": True, "verdict": "better", "sentence": "It is better."}
    tables = {ProofTable.CONTRASTS: [contrast, {**contrast, "primary": False}], ProofTable.ARMS: [{"arm": "raw"}]}
    write_proof_tables(lake, "trial", tables)
    found = read_overview(lake)
    assert of(found, "web").judgements == {"good_edit": 1}
    assert (of(found, "web").exports, of(found, "wiki").exports) == (2, 1)
    assert [each.complete for each in found.exports] == [False, False]
    [copy] = found.exports[0].replicas
    assert (copy.revision, copy.withdrawals_since) == ("2", 1)
    assert "warn None: a withdrawal was made since hf://datasets/me/web was uploaded" in texts(found)
    assert found.withdrawals.by == {"domain": 2}
    [proof] = found.proofs
    assert (proof.proof, proof.arms, proof.models, proof.verdicts) == ("trial", 1, 0, {"better": 1})
    assert proof.sentences == ("It is better.",)

    shard = TokenShard(
        corpus="web", shard="one", split="train", documents=2, tokens=30, characters=90, identity="i", files=()
    )
    tokenizer = TokenizerNotes(source="t", hash="h", vocabulary=9, end_of_text="</s>", end_of_text_id=2)
    manifest = TokenManifest(
        name="both",
        prox_assets="1",
        written_at="now",
        settings={},
        tokenizer=tokenizer,
        dtype="uint16",
        shards=(shard, shard),
    )
    tokens.open().write_bytes(MANIFEST, manifest.model_dump_json().encode())
    written = read_overview(lake).exports[1]
    assert (written.complete, written.documents, written.tokens) == (True, 4, 60)


def test_a_damaged_record_of_the_lake_is_a_problem_and_no_end(lake: Lake) -> None:
    lake.storage.write_bytes("_withdrawn/x.json", b"{")
    lake.storage.write_bytes("_proofs/trial/arms.parquet", b"no parquet")
    lake.storage.write_bytes("web/compute/x.parquet", b"no parquet")
    found = read_overview(lake)
    assert len(found.problems) == 2, found.problems
    assert "web/compute/x.parquet is damaged" in of(found, "web").problems[0]
    assert of(found, "web").cost.attempts == 0
    assert of(found, "wiki").cost.attempts == 2
    assert of(found, "wiki").level is Level.FINE


@pytest.mark.local_lake
def test_a_folder_that_cannot_name_a_corpus_is_a_problem_and_no_end(lake: Lake) -> None:
    Path(lake.storage.root, "no\ncorpus").mkdir()
    found = read_overview(lake)
    assert "cannot name a corpus" in of(found, "no\ncorpus").problems[0]
    assert of(found, "wiki").level is Level.FINE
