"""Arms of the bundled sample: the same documents in the same order, each with the text that its kind promises."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.signals import document_signals
from prox_assets.proof.arms.build import arms_in_order, write_arm
from prox_assets.proof.arms.lines import cut
from prox_assets.proof.arms.rules import c4_spans
from prox_assets.proof.arms.table import ArmNotes, arm_texts
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.tables import ARM
from prox_assets.proof.texts.documents import write_documents
from prox_assets.training.data.tables import read_table
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.proof.refined_sample import proof_of, refine
from prox_assets_tests.stages.shard_runs import with_floor

RULES = ("gopher_quality", "gopher_repetition", "c4", "fineweb")
ARMS: list[dict[str, Any]] = [
    {"kind": "refined"},
    {"kind": "refined", "name": "doc", "level": "document"},
    {"kind": "refined", "name": "lines", "level": "chunk", "corpora": {"sample": "sample_lines"}},
    {"kind": "rules", "name": "all_rules", "rules": list(RULES)},
    {"kind": "rules", "name": "c4_lines", "rules": ["gopher_quality", "c4", "fineweb"], "use": "refiner"},
    {"kind": "selector", "name": "selected", "selector": {"kind": "linear", "target": {"path": "unset"}}, "keep": 0.4},
    {
        "kind": "selector",
        "name": "as_refined",
        "selector": {"kind": "dsir", "target": {"path": "unset"}},
        "like": "doc",
    },
]


@pytest.fixture(scope="module")
def arms(
    sample_lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ProofFolder, dict[str, ArmNotes], dict[str, dict[int, str]]]:
    """A proof with every kind of arm but the oracle: its folder, and each arm's notes and texts."""
    root = tmp_path_factory.mktemp("proof")
    lines = sample_lake.scan("sample", Table.REFINED).filter(pl.col("source_row") % 2 == 0).select("text").collect()
    lines.write_parquet(root / "target.parquet")
    for arm in ARMS[-2:]:
        arm["selector"]["target"]["path"] = str(root / "target.parquet")
    settings, folder = proof_of(root / "proof", *ARMS)
    write_documents(sample_lake, settings, folder)
    notes = {arm: write_arm(sample_lake, settings, folder, arm) for arm in arms_in_order(settings)}
    return folder, notes, {arm: dict(arm_texts(sample_lake, folder, arm)) for arm in notes}


def training(folder: ProofFolder) -> pl.DataFrame:
    return pl.read_parquet(folder.documents()).filter(~pl.col("held_out"))


def test_all_arms_have_the_same_documents_in_the_same_order(arms: Any) -> None:
    folder, notes, texts = arms
    documents = training(folder)
    for arm, told in notes.items():
        rows = list(read_table(folder.arm(arm)))
        assert [row["position"] for row in rows] == documents["position"].to_list() == list(texts[arm])
        assert list(rows[0]) == ARM.names
        kept = [row for row in rows if row["kept"]]
        assert 0 < len(kept) == told.total.kept
        assert [len(text) for text in texts[arm].values()] == [row["characters"] for row in rows]
        assert told.total.characters == sum(map(len, texts[arm].values()))
        assert told.total.raw_characters == documents["characters"].sum()
        assert all(bool(row["reason"]) != row["kept"] for row in rows)
    assert len({told.identity for told in notes.values()}) == len(notes)
    assert notes["refined"].total.kept < notes["raw"].total.kept


def test_refined_arms_have_the_text_of_the_lake(arms: Any, sample_lake: Lake) -> None:
    folder, _, texts = arms
    place = ["source_file", "source_row"]
    documents = sample_lake.scan("sample", Table.DOCUMENTS).select("doc_id", *place, "text").collect()
    positions = training(folder).select("position", "doc_id").join(documents, on="doc_id")

    def of_lake(table: Table, corpus: str) -> dict[int, str]:
        rows = sample_lake.scan(corpus, table).select("doc_id", "text").collect()
        if corpus != "sample":
            theirs = sample_lake.scan(corpus, Table.DOCUMENTS).select("doc_id", *place).collect()
            rows = theirs.join(rows, on="doc_id").drop("doc_id").join(documents.drop("text"), on=place)
        return dict(positions.join(rows, on="doc_id", suffix="_left").select("position", "text_left").iter_rows())

    def kept(arm: str) -> dict[int, str]:
        return {position: text for position, text in texts[arm].items() if text}

    assert kept("raw") == {k: v for k, v in of_lake(Table.DOCUMENTS, "sample").items() if v}
    assert kept("refined") == of_lake(Table.REFINED, "sample")
    assert kept("lines") == {k: v for k, v in of_lake(Table.REFINED, "sample_lines").items() if v}
    assert kept("lines") != {k: v for k, v in texts["raw"].items() if v}
    outcomes = sample_lake.scan("sample", Table.OUTCOMES).select("doc_id", "outcome").collect()
    dropped = positions.join(outcomes.filter(pl.col("outcome") == "dropped_by_document"), on="doc_id")["position"]
    assert dropped.len() > 0
    assert kept("doc") == {k: v for k, v in texts["raw"].items() if v and k not in set(dropped)}


def test_controls_have_as_much_text_as_what_they_are_like(arms: Any) -> None:
    folder, notes, texts = arms
    for arm in ("refined", "lines"):
        for position, text in texts[arm].items():
            control, raw = texts[f"{arm}_random_lines"][position], texts["raw"][position]
            longest = max(map(len, raw.split("\n"))) + 1
            assert abs(len(control) - len(text)) <= longest
            assert not control or text, "what the refiner dropped is dropped"
            lines = iter(raw.split("\n"))
            assert not control or all(any(line == other for other in lines) for line in control.split("\n"))
        documents = notes[f"{arm}_random_documents"].total
        largest = training(folder)["characters"].max()
        assert abs(documents.characters - notes[arm].total.characters) <= largest
    kept = {k: v for k, v in texts["refined_random_documents"].items() if v}
    assert kept.items() <= texts["raw"].items()
    # Many small errors cancel each other: over the documents with lines to draw from, the share is that of the arm.
    several = [k for k, text in texts["raw"].items() if 5 <= text.count("\n") < 200]
    ours, theirs = (sum(len(texts[arm][k]) for k in several) for arm in ("refined_random_lines", "refined"))
    assert ours == pytest.approx(theirs, rel=0.03)


def test_a_filter_of_rules_keeps_what_passes_them_all_and_names_the_first_that_is_broken(arms: Any) -> None:
    folder, _, texts = arms
    raw = pl.LazyFrame({"text": list(texts["raw"].values())})
    signals = document_signals(raw).collect()
    passes = signals.select(pl.all_horizontal([f"passes_{name}" for name in RULES])).to_series()
    assert [bool(text) for text in texts["all_rules"].values()] == passes.to_list()
    assert {k: v for k, v in texts["all_rules"].items() if v}.items() <= texts["raw"].items()
    reasons = [row["reason"] for row in read_table(folder.arm("all_rules"))]
    pattern = re.compile(r"(gopher_quality|gopher_repetition|c4|fineweb): (\w+) (>=|<=) .+, but is (.+)|no words")
    for reason, row in zip(reasons, signals.iter_rows(named=True), strict=True):
        if reason is None or reason == "no words":
            assert (reason is None) == all(row[f"passes_{name}"] for name in RULES)
            continue
        match = pattern.fullmatch(reason)
        assert match, reason
        first = next(name for name in RULES if not row[f"passes_{name}"])
        assert match[1] == first
        assert float(match[4]) == pytest.approx(row[match[2]], rel=0.01)


def test_c4_as_a_refiner_leaves_the_lines_that_datatrove_leaves(arms: Any) -> None:
    pytest.importorskip("spacy")
    document = pytest.importorskip("datatrove.data").Document
    oracle = pytest.importorskip("datatrove.pipeline.filters").C4QualityFilter(filter_no_terminal_punct=True)
    _, _, texts = arms
    cases = [
        *texts["raw"].values(),
        "Rivers rise in the hills.[1] They fall.[edit]\n  We use cookies, see the cookie policy.\nHome\n\n"
        'A mill stood here for years[citation needed].\nAnd it stood "well."\nToo short.\nIt ends without a mark',
    ]
    compared = 0
    for text, spans in zip(cases, c4_spans(pl.Series("text", cases, pl.String)), strict=True):
        theirs = document(text, "0")
        if oracle.filter(theirs) is True:  # else it stops at the first bracket
            lines = [line.strip() for line in cut(text, spans).split("\n")]
            assert "\n".join(lines).strip() == theirs.text
            compared += theirs.text != text
    assert compared > 10
    assert [k for k, text in texts["c4_lines"].items() if text and text != texts["raw"][k]]


@pytest.mark.parametrize("arm", ["selected", "as_refined"])
def test_selected_documents_are_the_best_and_their_scores_are_in_the_lake(
    arms: Any, sample_lake: Lake, arm: str
) -> None:
    folder, notes, _ = arms
    rows, total = list(read_table(folder.arm(arm))), notes[arm].total
    wanted = 0.4 * total.raw_characters if arm == "selected" else notes["doc"].total.characters
    assert abs(total.characters - wanted) <= training(folder)["characters"].max()
    empty = set(training(folder).filter(pl.col("characters") == 0)["position"])
    kept = [row["score"] for row in rows if row["kept"]]
    dropped = [row["score"] for row in rows if not row["kept"] and row["position"] not in empty]
    assert dropped
    assert min(kept) >= max(dropped)
    scores = pl.read_parquet(Path(sample_lake.storage.uri(f"_proofs/proof/selector_scores/{arm}.parquet")))
    assert scores["score"].to_list() == [row["score"] for row in rows]


def test_a_selector_is_fitted_to_the_gold_text_of_the_documents_to_train_on(tmp_path: Path) -> None:
    texts = ["the river ran past the old stone mill", "login cart share cookies basket terms"]
    rows = [{"text": texts[number % 2] + f" {number}", "main": texts[0]} for number in range(60)]
    lake = labelled(tmp_path, rows)
    arm = {"kind": "selector", "name": "best", "selector": {"kind": "dsir"}, "keep": 0.5}
    settings, folder = proof_of(tmp_path / "proof", arm, corpus="web", text={"gold": "main"})
    write_documents(lake, settings, folder)
    write_arm(lake, settings, folder, "best")
    kept = [text for _, text in arm_texts(lake, folder, "best") if text]
    assert sum("river" in text for text in kept) >= len(kept) - 2
    without, _ = proof_of(tmp_path / "proof", arm, corpus="web")
    with pytest.raises(ProofError, match="is fitted to gold text, and the proof has none"):
        write_arm(lake, without, folder, "best")


def test_an_arm_is_the_same_when_written_again_and_another_under_another_seed(
    arms: Any, sample_lake: Lake, tmp_path: Path
) -> None:
    folder, notes, _ = arms
    settings, _ = proof_of(folder.root, *ARMS)
    name = "refined_random_lines"
    before = folder.arm(name).read_bytes()
    assert write_arm(sample_lake, settings, folder, name) == notes[name]
    assert folder.arm(name).read_bytes() == before
    other, fresh = proof_of(tmp_path / "proof", {"kind": "refined"}, seed=1)
    write_documents(sample_lake, other, fresh)
    write_arm(sample_lake, other, fresh, "refined")
    assert write_arm(sample_lake, other, fresh, name).identity != notes[name].identity


def labelled(folder: Path, rows: list[dict[str, Any]], corpus: str = "web") -> Lake:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{corpus}.jsonl"
    rows = [{"url": f"https://{number}.example", **row} for number, row in enumerate(rows)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    lake = lake_at(folder / "lake")
    refine(lake, CorpusSource(name=corpus, urls=[str(path)]), refiner="keep-all")
    return lake


def test_the_oracle_has_the_lines_that_are_not_labelled_0(tmp_path: Path) -> None:
    rows = [{"text": f"menu\nmain {n}\n\nfooter", "keep_full": [0, 1, -1, 0]} for n in range(20)]
    rows += [{"text": "menu\n", "keep_full": [0, -1]}]
    lake = labelled(tmp_path, rows)
    settings, folder = proof_of(tmp_path / "proof", {"kind": "oracle"}, corpus="web", text={"held_out": 0.3})
    write_documents(lake, settings, folder)
    write_arm(lake, settings, folder, "oracle")
    raw = dict(zip(training(folder)["position"], training(folder)["source_row"], strict=True))
    for position, text in arm_texts(lake, folder, "oracle"):
        assert text == (f"main {raw[position]}\n" if raw[position] < 20 else "")


@pytest.mark.parametrize(
    ("labels", "message"),
    [({"keep_full": [1]}, "has 2 lines and 1 labels in 'keep_full'"), ({}, "has no labels in 'keep_full'")],
)
def test_an_oracle_without_the_right_labels_is_refused(tmp_path: Path, labels: Any, message: str) -> None:
    lake = labelled(tmp_path, [{"text": "two\nlines", **labels}] * 12)
    settings, folder = proof_of(tmp_path / "proof", {"kind": "oracle"}, corpus="web")
    write_documents(lake, settings, folder)
    with pytest.raises(ProofError, match=rf"document \w+ \(row \d+ of shard 'web\.jsonl'\) {message}"):
        write_arm(lake, settings, folder, "oracle")
    assert not folder.arm("oracle").exists()


def test_an_arm_comes_after_the_one_that_it_is_like(tmp_path: Path) -> None:
    def alike(name: str, like: str) -> dict[str, Any]:
        return {"kind": "random_documents", "name": name, "like": like}

    settings, _ = proof_of(tmp_path, alike("third", "second"), alike("second", "first"), alike("first", "raw"))
    assert arms_in_order(settings) == ["raw", "first", "second", "third"]
    circle, _ = proof_of(tmp_path, alike("third", "second"), alike("second", "third"))
    with pytest.raises(ProofError, match="the arms third, second are like each other"):
        arms_in_order(circle)


def test_what_an_arm_cannot_be_made_from_is_refused_with_a_remedy(tmp_path: Path) -> None:
    lake = labelled(tmp_path, [{"text": f"line {n}"} for n in range(12)])
    labelled(tmp_path, [{"text": f"line {n + n // 11}"} for n in range(12)], "web_other")
    arms: list[dict[str, Any]] = [
        {"kind": "rules", "name": "strict", "rules": ["c4"]},
        {"kind": "random_lines", "name": "control", "like": "strict"},
    ]
    settings, folder = proof_of(tmp_path / "proof", *arms, corpus="web")
    with pytest.raises(ProofError, match=r"documents\.parquet is not there: materialize arms first"):
        write_arm(lake, settings, folder, "raw")
    write_documents(lake, settings, folder)
    with pytest.raises(ProofError, match=r"strict\.parquet is not there"):
        write_arm(lake, settings, folder, "control")
    with pytest.raises(ProofError, match=r"arm strict has no document left of \d+"):
        write_arm(lake, settings, folder, "strict")
    assert not folder.arm("strict").exists()
    other, folder = proof_of(tmp_path / "other", {"kind": "refined", "corpora": {"web": "web_other"}}, corpus="web")
    with pytest.raises(ProofError, match=r"corpus web_other has no shard 'web\.jsonl'"):
        write_documents(lake, other, folder)


def test_a_document_with_another_text_in_the_refined_corpus_is_named(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    pages = tuple(Page(f"page {number}", url=f"https://{number}.example") for number in range(12))
    refine_pages(lake, tmp_path / "raw", pages)
    refine_pages(lake, tmp_path / "raw2", (*pages[:-1], Page("changed")), corpus="other")
    settings, folder = proof_of(tmp_path / "proof", {"kind": "refined", "corpora": {"web": "other"}}, corpus="web")
    with pytest.raises(ProofError, match=r"row 11 of one.jsonl\) has another text in corpus other"):
        write_documents(lake, settings, folder)
    refine_pages(lake, tmp_path / "raw2", pages[:-2], corpus="other")
    with pytest.raises(ProofError, match=r"row 10 of one.jsonl\) is missing in corpus other, as are 1 more"):
        write_documents(lake, settings, folder)


def test_level_chunk_needs_a_corpus_without_dropped_documents_and_replaced_text_is_noticed(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    pages = tuple(Page(f"page {number}", url=f"https://{number}.example") for number in range(12))
    refine_pages(lake, tmp_path / "raw", (*pages, *(Page(f"no {page.text}", keep=0.0, url=page.url) for page in pages)))
    settings, folder = proof_of(
        tmp_path / "proof", {"kind": "refined"}, {"kind": "refined", "name": "lines", "level": "chunk"}, corpus="web"
    )
    write_documents(lake, settings, folder)
    write_arm(lake, settings, folder, "refined")
    with pytest.raises(ProofError, match=r"\d documents of shard 'one\.jsonl' of corpus web were dropped as documents"):
        write_arm(lake, settings, folder, "lines")
    refine_pages(lake, tmp_path / "raw", tuple(Page("new " + page.text, url=page.url) for page in pages))
    with pytest.raises(ProofError, match="the text of arm refined has been replaced"):
        list(arm_texts(lake, folder, "refined"))


def test_the_corpus_of_a_refiner_of_another_dialect_is_an_arm(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    texts = [f"menu\npage {number} says it\nfooter" for number in range(12)]
    edits = "remove_lines(1, 1)\nreplace_str(2, 'says', 'tells')\nadd_line(3, 1, 'an added line')"
    programs = [edits, "remove_all()"] * 6
    pages = [Page(text, url=f"https://{number}.example") for number, text in enumerate(texts)]
    refine_pages(lake, tmp_path / "raw", tuple(pages))
    answered = tuple(replace(page, program=program) for page, program in zip(pages, programs, strict=True))
    refine_pages(lake, tmp_path / "raw", answered, corpus="ultra", refiners=with_floor(0.5, "ultrax"))
    settings, folder = proof_of(tmp_path / "proof", {"kind": "refined", "corpora": {"web": "ultra"}}, corpus="web")
    write_documents(lake, settings, folder)
    write_arm(lake, settings, folder, "raw")
    write_arm(lake, settings, folder, "refined")
    raw = dict(arm_texts(lake, folder, "raw"))
    assert raw
    for position, text in arm_texts(lake, folder, "refined"):
        number = texts.index(raw[position])
        assert text == ("" if number % 2 else f"page {number} tells it\nfooter\nan added line")
    reasons = {row["reason"] for row in read_table(folder.arm("refined"))}
    assert reasons == {None, "dropped_by_chunks: judged_worthless"}
