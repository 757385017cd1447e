"""Classifiers as refiners: programs, folders, and files that are damaged or someone else's."""

import json
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.classifier.open import (
    open_chunk_classifier,
    open_document_classifier,
    write_document_model,
    write_line_model,
)
from prox_assets.refiners.classifier.refiner import BATCH_DOCUMENTS, ClassifierChunkRefiner
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner, load_refiner_pair, save_refiner
from prox_assets.refiners.model.files import CLASSIFIER_FILE
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets_tests.training.synthetic_pages import page

TEXTS = [page(number)["text_full"] for number in range(200, 220)]


def configuration(level: str) -> RefinerConfig:
    return RefinerConfig.model_validate({"name": f"small-{level}", "level": level, "kind": "classifier", "model": "."})


@pytest.fixture
def folder(tmp_path, line_model, document_model):
    """A folder with both refiners, as the lab writes them."""
    write_line_model(line_model, tmp_path / "small" / "chunk")
    write_document_model(document_model, tmp_path / "small" / "doc")
    for level in ("chunk", "doc"):
        save_refiner(configuration(level), tmp_path / "small" / level, {"examples": 1})
    return tmp_path / "small"


def inputs(texts):
    return [RefinerInput(str(number), text) for number, text in enumerate(texts)]


def probabilities(refiner, texts) -> list[Any]:
    return [result.rows[0].line_keep_probabilities for result in refiner.write_programs(inputs(texts))]


def test_a_document_is_one_chunk_with_a_probability_for_every_line(folder):
    [answer] = open_chunk_classifier(folder / "chunk").write_programs([RefinerInput("a", "\nHome\n\nCart\n")])
    [row] = answer.rows
    assert (row.line_start, row.line_end, row.finish_reason, row.program) == (0, 4, "scored", None)
    assert row.line_keep_probabilities is not None
    first, home, gap, cart, last = row.line_keep_probabilities
    assert first == home == gap
    assert cart == last
    assert all(0 < value < 1 for value in row.line_keep_probabilities)


def test_blank_documents_are_skipped_at_both_levels(folder):
    [chunk] = open_chunk_classifier(folder / "chunk").write_programs([RefinerInput("a", " \n\n")])
    assert (chunk.rows[0].finish_reason, chunk.rows[0].skip_reason) == ("skipped", "blank")
    [document] = open_document_classifier(folder / "doc").write_programs([RefinerInput("a", "")])
    assert (document.finish_reason, document.keep_probability) == ("skipped", None)


def test_probabilities_do_not_depend_on_what_is_in_the_batch(folder):
    chunk = open_chunk_classifier(folder / "chunk")
    texts = [*TEXTS, "", "x", *TEXTS] * 3
    assert len(texts) > BATCH_DOCUMENTS
    together = [result.rows[0].line_keep_probabilities for result in chunk.write_programs(inputs(texts))]
    for text, found in zip(texts, together, strict=True):
        [alone] = probabilities(chunk, [text])
        assert found == (alone if alone is None else pytest.approx(alone, abs=1e-6))
    document = open_document_classifier(folder / "doc")
    several = [answer.keep_probability for answer in document.write_programs(inputs(TEXTS))]
    single = [next(iter(document.write_programs(inputs([text])))).keep_probability for text in TEXTS]
    assert several == pytest.approx(single, abs=1e-6)


def test_the_file_gives_the_probabilities_of_the_fitted_model(folder, line_model):
    fitted = probabilities(ClassifierChunkRefiner(line_model), TEXTS)
    stored = probabilities(open_chunk_classifier(folder / "chunk"), TEXTS)
    for one, other in zip(fitted, stored, strict=True):
        assert one == pytest.approx(other, abs=0.02)  # half precision can move a value over the bound of a tree


def test_menus_go_and_prose_stays_and_pages_without_prose_are_worth_less(folder):
    keep = open_chunk_classifier(folder / "chunk")
    [found] = probabilities(keep, [TEXTS[0]])
    lines = TEXTS[0].split("\n")
    assert max(found[number] for number, line in enumerate(lines) if line in ("Home", "Log in", "Cart", "Share")) < 0.5
    assert min(found[number] for number, line in enumerate(lines) if len(line.split()) > 8) > 0.5
    answers = open_document_classifier(folder / "doc").write_programs(
        inputs([TEXTS[0], "404\nPage not found\nGo back"])
    )
    article, error = (answer.keep_probability or 0.0 for answer in answers)
    assert article > 0.5 > error > 0


def test_paragraphs_in_scripts_that_it_was_not_trained_on_are_chunks_of_their_own_and_stay(folder):
    khmer = "នេះជាអត្ថបទដ៏វែងមួយអំពីទន្លេមេគង្គ និងមនុស្សដែលរស់នៅក្បែរវា ដែលត្រូវបានសរសេរជាភាសាខ្មែរ"
    english = "This is a long line about the river and the people who live beside it, written in English."
    text = "\n".join(["Menu", english, khmer, "", khmer, "ភាសាខ្មែរ", english])
    keep = open_chunk_classifier(folder / "chunk", ("latin",))
    [answer] = keep.write_programs(inputs([text]))
    found = [(row.line_start, row.line_end, row.skip_reason) for row in answer.rows]
    assert found == [(0, 1, None), (2, 4, "outside_training"), (5, 6, None)]
    assert [len(row.line_keep_probabilities or ()) for row in answer.rows] == [2, 0, 2]
    [whole] = open_chunk_classifier(folder / "chunk").write_programs(inputs([text]))
    [scored] = whole.rows
    assert (scored.line_keep_probabilities or ())[:2] == answer.rows[0].line_keep_probabilities


def test_a_machine_without_openmp_is_told_what_to_install(folder, monkeypatch):
    missing = OSError("libgomp.so.1: cannot open shared object file")

    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "lightgbm":
                raise missing

    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(RefinerError, match="libgomp1"):
        open_chunk_classifier(folder / "chunk")


def test_a_folder_of_both_levels_is_a_refiner_that_needs_no_engine(folder):
    pair = load_refiner_pair(str(folder))
    assert pair.chunk is not None
    assert pair.doc is not None
    assert not pair.chunk.needs_engine
    assert pair.policy(dialect=pair.chunk.dialect).dialect == "line-labels"
    with RefinerSession(pair.chunk, "chunk", TransformersEngineConfig()) as session:
        assert session.token_counter() is None
        [answer] = session.chunk_refiner().write_programs(inputs(TEXTS[:1]))
        assert answer.rows[0].finish_reason == "scored"
        stored = json.loads((folder / "chunk" / "refiner.json").read_text())
        assert session.fingerprint == stored["fingerprint"]
        assert session.describe()["kind"] == "classifier"


def test_the_fingerprint_follows_the_file_and_not_its_place(folder, tmp_path, line_model):
    config = load_refiner(str(folder / "chunk"))
    with RefinerSession(config, "chunk", TransformersEngineConfig()) as session:
        before = session.fingerprint
    moved = folder.rename(tmp_path / "elsewhere")
    with RefinerSession(load_refiner(str(moved / "chunk")), "chunk", TransformersEngineConfig()) as session:
        assert session.fingerprint == before
    weights = line_model.weights
    changed = type(line_model)(type(weights)(**{**vars(weights), "bias": weights.bias + 1}), line_model.text)
    write_line_model(changed, moved / "chunk")
    with RefinerSession(load_refiner(str(moved / "chunk")), "chunk", TransformersEngineConfig()) as session:
        assert session.fingerprint != before


def test_equal_models_have_equal_files(folder, tmp_path, line_model):
    write_line_model(line_model, tmp_path / "again")
    assert (tmp_path / "again" / CLASSIFIER_FILE).read_bytes() == (folder / "chunk" / CLASSIFIER_FILE).read_bytes()


@pytest.mark.parametrize("at", [10, 1000, 400_000])
def test_a_file_with_a_changed_byte_is_damaged(folder, at):
    file = folder / "chunk" / CLASSIFIER_FILE
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(RefinerError, match=r"damaged|cannot be read"):
        open_chunk_classifier(folder / "chunk")


def test_a_truncated_file_and_a_missing_one_are_named(folder):
    file = folder / "chunk" / CLASSIFIER_FILE
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(RefinerError, match=r"classifier\.safetensors cannot be read"):
        open_chunk_classifier(folder / "chunk")
    file.unlink()
    with (
        RefinerSession(load_refiner(str(folder / "chunk")), "chunk", TransformersEngineConfig()) as session,
        pytest.raises(RefinerError, match=r"holds no classifier\.safetensors"),
    ):
        _ = session.fingerprint


def test_files_of_other_kinds_are_refused(folder):
    file = folder / "chunk" / CLASSIFIER_FILE
    save_file({"weight": np.zeros(4, dtype=np.float32)}, file)
    with pytest.raises(RefinerError, match="no classifier of this release"):
        open_chunk_classifier(folder / "chunk")
    # A document classifier has arrays that a line classifier lacks, and the other way round.
    with pytest.raises(RefinerError, match="other arrays"):
        open_chunk_classifier(folder / "doc")
    assert set(load_file(folder / "doc" / CLASSIFIER_FILE)) > {"words", "trees"}


def test_a_very_long_document_takes_bounded_memory(folder):
    refiner = open_chunk_classifier(folder / "chunk")
    list(refiner.write_programs(inputs(TEXTS)))
    tracemalloc.start()
    list(refiner.write_programs(inputs(["word " * 2_000_000])))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000  # the line itself is 10 MB
