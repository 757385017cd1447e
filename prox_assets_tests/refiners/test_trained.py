"""What a refiner's training tells of it: what it abstains from, what it is still asked about, how sure it is."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prox_assets.engines.protocol import Score
from prox_assets.refiners.calibration import Calibration, sigmoid
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.keep_all import KeepAllChunks, KeepAllDocuments
from prox_assets.refiners.model.chunk_refiner import ModelChunkRefiner
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput
from prox_assets.refiners.trained import MOST_ASIDE, trained_chunks, trained_documents
from prox_assets_tests.refiners.conftest import LINE_LABELS
from prox_assets_tests.refiners.scripted_engine import ScriptedEngine
from prox_assets_tests.refiners.test_config import FILES

KHMER = "នៅពេលល្ងាច ទូកនេសាទបានត្រឡប់មកកំពង់ផែវិញ។"
ENGLISH = "In the evening the fishing boats came back to the harbour."
DOC = RefinerConfig(name="d", level="doc", model="tiny", trained_scripts=("latin",))
CHUNK = RefinerConfig(
    name="c",
    level="chunk",
    model="tiny",
    dialect="line-labels",
    line_labels=LINE_LABELS,
    window=300,
    trained_scripts=("latin",),
)


class Asked:
    """Keeps everything, and counts what it is asked about."""

    def __init__(self) -> None:
        self.texts: Counter[str] = Counter()

    def write_programs(self, documents):
        for document in documents:
            self.texts[document.text] += 1
            yield from KeepAllDocuments().write_programs([document])


class Patient:
    """Keeps everything, and answers only once its stream of documents has ended."""

    def write_programs(self, documents):
        yield from KeepAllDocuments().write_programs(list(documents))


@settings(max_examples=50)
@given(st.lists(st.sampled_from([KHMER, ENGLISH, "", "12"]), max_size=40))
def test_every_document_has_one_result_and_only_trained_scripts_are_asked_about(texts):
    asked = Asked()
    documents = [RefinerInput(str(number), text) for number, text in enumerate(texts)]
    results = list(trained_documents(DOC, asked).write_programs(documents))
    assert sorted(int(result.doc_id) for result in results) == list(range(len(texts)))
    for result in results:
        aside = texts[int(result.doc_id)] == KHMER
        assert result.skip_reason == ("outside_training" if aside else None)
        assert (result.program, result.finish_reason) == ((None, "skipped") if aside else ("keep_doc()", "stop"))
    assert asked.texts == Counter(text for text in texts if text != KHMER)


def test_a_corpus_of_other_scripts_is_not_read_ahead_without_end():
    taken = 0

    def documents():
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield RefinerInput(str(number), ENGLISH if number == 0 else KHMER)

    results = trained_documents(DOC, Patient()).write_programs(documents())
    for _ in range(3 * MOST_ASIDE):
        next(results)
    assert taken <= 4 * MOST_ASIDE


def test_a_document_in_another_script_is_one_skipped_chunk():
    [english, khmer] = trained_chunks(CHUNK, KeepAllChunks()).write_programs(
        [RefinerInput("en", ENGLISH), RefinerInput("km", f"{KHMER}\n{KHMER}\nHome")]
    )
    assert english.rows[0].program == "keep_chunk()"
    [row] = khmer.rows
    assert (row.line_start, row.line_end, row.program) == (0, 2, None)
    assert (row.finish_reason, row.skip_reason) == ("skipped", "outside_training")


def test_chunks_in_another_script_are_not_shown_in_a_mixed_document(line_labels_tokenizer):
    shown = 0

    def score(request):
        nonlocal shown
        shown += 1
        return Score(request.request_id, ((0.0, -5.0),) * len(request.positions), len(request.prompt_token_ids))

    # A prompt shows some 42 of these lines, so chunks begin up to half of that before or after the other script does.
    lines = [ENGLISH] * 96 + [KHMER] * 96 + [ENGLISH] * 96
    [answer] = ModelChunkRefiner(CHUNK, ScriptedEngine(score=score), line_labels_tokenizer).write_programs(
        [RefinerInput("mixed", "\n".join(lines))]
    )
    covered = [line for row in answer.rows for line in range(row.line_start, row.line_end + 1)]
    assert covered == list(range(len(lines)))
    skipped = [row for row in answer.rows if row.skip_reason is not None]
    assert {row.skip_reason for row in skipped} == {"outside_training"}
    inside = {line for row in skipped for line in range(row.line_start, row.line_end + 1)}
    assert set(range(117, 171)) <= inside <= set(range(75, 213))
    assert shown == len(answer.rows) - len(skipped)


class Scores:
    """Gives each document the log-odds that its text says."""

    def write_programs(self, documents):
        for document in documents:
            yield DocumentProgram(
                doc_id=document.doc_id, keep_probability=sigmoid(float(document.text)), finish_reason="scored"
            )


def test_calibrated_refiners_answer_with_corrected_probabilities():
    config = RefinerConfig(name="d", level="doc", model="tiny", calibration=Calibration(slope=0.5, offset=1.0))
    answers = trained_documents(config, Scores()).write_programs([RefinerInput("a", "-4"), RefinerInput("b", "900")])
    assert [answer.keep_probability for answer in answers] == pytest.approx([sigmoid(-1.0), 1.0])


def test_lines_are_calibrated_where_they_are_read_off(line_labels_tokenizer):
    def score(request):
        return Score(request.request_id, ((0.0, 2.0),) * len(request.positions), len(request.prompt_token_ids))

    config = CHUNK.model_copy(update={"calibration": Calibration(slope=2.0, offset=1.0)})
    model = ModelChunkRefiner(config, ScriptedEngine(score=score), line_labels_tokenizer)
    document = RefinerInput("a", f"{ENGLISH}\n{ENGLISH}")
    [plain] = model.write_programs([document])
    [corrected] = trained_chunks(config, model).write_programs([document])
    assert plain.rows[0].line_keep_probabilities == pytest.approx((sigmoid(-2.0),) * 2)
    assert corrected.rows[0].line_keep_probabilities == pytest.approx((sigmoid(-3.0),) * 2)


def test_no_trained_scripts_is_the_refiner_itself():
    refiner = KeepAllDocuments()
    assert trained_documents(DOC.model_copy(update={"trained_scripts": None}), refiner) is refiner


def test_fingerprints_know_scripts_and_calibration_only_where_they_are_set():
    plain = DOC.model_copy(update={"trained_scripts": None})
    same = RefinerConfig.model_validate({**plain.model_dump(), "trained_scripts": None, "calibration": None})
    assert same.fingerprint(FILES) == plain.fingerprint(FILES)
    assert "trained_scripts" not in plain.model_dump_json()
    two = DOC.model_copy(update={"trained_scripts": ("latin", "greek")})
    turned = DOC.model_copy(update={"trained_scripts": ("greek", "latin", "greek")})
    calibrated = RefinerConfig.model_validate({**plain.model_dump(), "calibration": {"slope": 0.9}})
    assert two.fingerprint(FILES) == turned.fingerprint(FILES)
    assert len({config.fingerprint(FILES) for config in (plain, DOC, two, calibrated)}) == 4
    assert RefinerConfig.model_validate_json(DOC.model_dump_json()) == DOC


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trained_scripts": []}, "at least one script"),
        ({"trained_scripts": ["Latin"]}, "no script is called Latin"),
        ({"calibration": {"slope": 0}}, "greater than 0"),
        ({"calibration": {"slope": math.inf}}, "finite"),
        ({"calibration": {"slope": 1}, "decoding": "complete"}, "decoding"),
        ({"kind": "rules", "model": None, "trained_scripts": ["latin"]}, "rules are not trained"),
    ],
)
def test_settings_that_mean_nothing_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        RefinerConfig.model_validate({"name": "x", "level": "doc", "model": "m", **values})
