"""From annotations to a training set: splits, duplicates, errors, counts."""

from collections.abc import Iterable
from typing import Any

from prox_assets.programs import execute
from prox_assets.training.data.documents.worthless import synthetic_documents
from prox_assets.training.data.page_annotations import chunk_annotations, document_annotations
from prox_assets.training.data.pages import split_of
from prox_assets.training.data.seeds import SEED_CHUNKS, SEED_DOCUMENTS
from prox_assets.training.data.tables import read_table, write_table
from prox_assets.training.data.training_set import build_training_set
from prox_assets_tests.training.synthetic_pages import labelled_page, page


def pages(count: int):
    return [labelled_page(**page(number)) for number in range(count)]


def stored(tmp_path, rows: Iterable[dict[str, Any]], schema) -> list[dict[str, Any]]:
    write_table(tmp_path / "seeds.parquet", schema, rows)
    return list(read_table(tmp_path / "seeds.parquet"))


def test_the_program_of_a_labelled_page_leaves_its_main_content():
    rows = {row["doc_id"]: row for row in chunk_annotations([labelled_page()])}
    full, gold = rows["synthetic/page-0#text_full"], rows["synthetic/page-0#gold"]
    refined = execute(full["text"], [((0, full["line_end"]), full["program"])])
    assert refined.text.split() == labelled_page().gold.split()
    assert gold["program"] == "keep_chunk()"
    assert gold["removed_share"] == 0


def test_all_texts_of_a_page_are_in_one_split_and_sites_do_not_cross(tmp_path):
    examples, statistics = build_training_set("chunk", stored(tmp_path, chunk_annotations(pages(60)), SEED_CHUNKS))
    assert {row["split"] for row in examples} == {"train", "development", "validation"}
    assert all(row["split"] == split_of(row["site"]) for row in examples)
    assert statistics.examples.total() == len(examples) == 180
    assert statistics.keep.total() > 0 < statistics.drop.total()


def test_a_copy_of_a_validation_page_is_not_trained_on(tmp_path):
    validation = next(number for number in range(99) if split_of(f"site{number}.example") == "validation")
    train = next(number for number in range(99) if split_of(f"site{number}.example") == "train")
    original = page(validation)
    copy = {**original, "page_id": "copy", "site": f"site{train}.example"}
    nearly = {**copy, "page_id": "nearly", "text_full": original["text_full"].replace("Notes on", "Some notes on")}
    nearly |= {"text_main": "", "keep_main": [-1], "gold": original["gold"] + "\nAnd one more line of text here."}
    rows = chunk_annotations([labelled_page(**one) for one in (copy, nearly, original)])
    examples, statistics = build_training_set("chunk", stored(tmp_path, rows, SEED_CHUNKS))
    assert {row["doc_id"].partition("#")[0] for row in examples} == {f"synthetic/{original['page_id']}"}
    assert (statistics.exact_duplicates, statistics.near_duplicates) == (3, 2)


def test_errors_and_programs_that_cannot_be_read_are_left_out_and_counted(tmp_path):
    good, bad, failed = list(chunk_annotations([labelled_page()]))
    bad["program"] = "delete everything"
    failed |= {"program": None, "error": "no answer: the server was gone"}
    examples, statistics = build_training_set("chunk", stored(tmp_path, [good, bad, failed], SEED_CHUNKS))
    assert len(examples) == 1
    assert statistics.unreadable_programs == 1
    assert statistics.errors == {"no answer: the server": 1}


def test_synthetic_documents_are_dropped_and_stay_in_the_split_of_the_pages_they_draw_on(tmp_path):
    rows = stored(tmp_path, document_annotations(pages(60), seed=1), SEED_DOCUMENTS)
    examples, _ = build_training_set("doc", rows)
    synthetic = [row for row in examples if row["annotator"] == "made"]
    assert {row["split"] for row in synthetic} == {"train", "development", "validation"}
    assert all(row["keep_target"] == 0 and row["decision"] == "drop" for row in synthetic)
    assert {row["page_type"] for row in synthetic} >= {"error_page", "keyword_list", "spam", "cut_text", "boilerplate"}


def test_synthetic_documents_depend_on_the_seed_alone():
    first, again, other = (synthetic_documents(pages(5), 30, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert all(document.text.strip() for document in first)
