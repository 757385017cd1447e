"""A lake that a cascade refined: its rows, trace and replay, and files of a release without cascades."""

import re

import pytest

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.trace import sentences
from prox_assets.catalog.trace.page import trace_page
from prox_assets.catalog.trace.read import read_trace
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.lake.schemas import Table
from prox_assets.refiners.cascade.combining import model_share
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.execution.shard_replay import Replay, replay_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets_tests.lakes import as_an_earlier_release_wrote_it, table_file
from prox_assets_tests.refiners.cascade.conftest import MENU, PROSE, answers
from prox_assets_tests.refiners.conftest import LINE_LABELS, make_line_labels_llama
from prox_assets_tests.stages.shard_runs import read_shard_of, rows

LONG = "\n".join([PROSE] * 5 + [MENU, "The doubtful line\nRead on"] + [PROSE] * 5)
TEXTS = [LONG, f"{MENU}\n{PROSE}", MENU]
SETTINGS = CascadeSettings(min_gain=0.02, unsure_from=0.0, unsure_to=0.9)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    model = make_line_labels_llama(tmp_path_factory.mktemp("model"), LINE_LABELS)
    common = {
        "kind": "cascade",
        "cascade": SETTINGS,
        "model": str(model),
        "dialect": "line-labels",
        "line_labels": LINE_LABELS,
        "probe": False,
        "window": 120,
    }
    pair = RefinerPair(
        name="cascade",
        doc=RefinerConfig.model_validate({"name": "cascade-doc", "level": "doc", "keep_threshold": 0.0, **common}),
        chunk=RefinerConfig.model_validate({"name": "cascade-chunk", "level": "chunk", **common}),
    )
    engine = TransformersEngineConfig(device="cpu", dtype="float32")
    policy = pair.policy(dialect="line-labels")
    run = read_shard_of(tmp_path_factory.mktemp("lake"), TEXTS, refiners=pair, engine=engine, policy=policy)
    infer(run)
    refine_shard(run)
    return run


def infer(run):
    with run.plan.session("doc") as session:
        first = write_document_programs(run, session)
    with run.plan.session("chunk") as session:
        return first, write_chunk_programs(run, session)


def life(run, number):
    row = rows(run, Table.DOCUMENTS)[number]
    return read_trace(run.lake, DocumentPlace(run.corpus, run.shard, row["doc_id"], row["source_row"]))


def test_rows_say_who_decided(run):
    found = rows(run, Table.CHUNK_PROGRAMS)
    assert {bool(row["prompt_tokens"]) for row in found} == {True, False}
    for row in found:
        assert len(row["classifier_keep_probabilities"]) == row["line_end"] - row["line_start"] + 1
        same = row["classifier_keep_probabilities"] == row["line_keep_probabilities"]
        assert same == (row["prompt_tokens"] == 0)
    for row in rows(run, Table.DOC_PROGRAMS):
        assert (row["classifier_keep_probability"] == row["keep_probability"]) == (row["prompt_tokens"] == 0)


def test_a_trace_says_of_every_line_who_decided_it(run):
    told = [
        (part, line)
        for trace in (life(run, 0), life(run, 1))
        for part in trace.chunks
        for line in sentences.scored_lines(trace, part)
    ]
    alone = re.compile(r"classifier alone (1?\.\d\d)")
    both = re.compile(r"classifier 1?\.\d\d, model 1?\.\d\d, together 1?\.\d\d")
    for part, line in told:
        assert (both if part.prompt_tokens else alone).fullmatch(line.opinions), line.opinions
    assert {bool(part.prompt_tokens) for part, _ in told} == {True, False}
    trace = life(run, 0)
    said = {sentences.chunk(part).partition("scored, ")[2] for part in trace.chunks}
    assert any("by the classifier alone" in words for words in said)
    assert "after the classifier package://prox_assets/refiners/lines" in sentences.refiner(trace.chunk_refiner)
    decision = sentences.decision(trace.decision, trace.doc_refiner)
    assert re.search("classifier alone|together", decision)
    page = trace_page(trace)
    assert alone.search(page)


def test_the_models_own_probability_is_recovered(run):
    plain = run.plan.refiners.chunk.model_copy(update={"kind": "model", "cascade": None})
    alone = [row for answer in answers(plain, TEXTS) for row in answer.rows]
    places = {text: place for place, text in enumerate(TEXTS)}
    texts = {row["doc_id"]: places[row["text"]] for row in rows(run, Table.DOCUMENTS)}
    found = sorted(rows(run, Table.CHUNK_PROGRAMS), key=lambda row: (texts[row["doc_id"]], row["chunk_index"]))
    for both, own in zip(found, alone, strict=True):
        if both["prompt_tokens"]:
            pairs = zip(both["classifier_keep_probabilities"], both["line_keep_probabilities"], strict=True)
            shares = [model_share(*pair, SETTINGS) for pair in pairs]
            assert shares == pytest.approx(own.line_keep_probabilities, abs=1e-4)


def test_replay_gives_the_same_text_and_finished_files_are_current(run):
    found = Replay()
    replay_shard(run.lake, run.corpus, run.shard, found)
    assert found.documents == 3
    assert not found.differences
    assert [summary.reused for summary in infer(run)] == [True, True]


def test_files_of_an_earlier_release_are_read_with_nulls(run):
    for table in (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS):
        as_an_earlier_release_wrote_it(table_file(run.lake, run.corpus, table, run.shard), table)
    assert {row["classifier_keep_probabilities"] for row in rows(run, Table.CHUNK_PROGRAMS)} == {None}
    assert {row["classifier_keep_probability"] for row in rows(run, Table.DOC_PROGRAMS)} == {None}
    trace = life(run, 0)
    assert {line.opinions for part in trace.chunks for line in sentences.scored_lines(trace, part)} == {""}
    assert [summary.reused for summary in infer(run)] == [True, True]
