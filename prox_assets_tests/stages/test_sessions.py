"""Refiner sessions: a model is found at once and started late, closed for certain, started anew after a failure."""

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.protocol import EngineError
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.presets import preset
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession

ENGINE = TransformersEngineConfig(device="cpu", dtype="float32", threads=1)
PAGES = [RefinerInput("a", "one page"), RefinerInput("b", "another\npage")]


@pytest.fixture
def tiny(tiny_llama) -> RefinerConfig:
    return RefinerConfig(name="t", level="doc", model=str(tiny_llama), prompt_format="llama2-chat", probe=False)


def probabilities(session: RefinerSession) -> dict[str, float | None]:
    return {row.doc_id: row.keep_probability for row in session.document_refiner().write_programs(PAGES)}


def test_a_fingerprint_and_token_counts_need_no_engine(tiny):
    with RefinerSession(tiny, "doc", ENGINE) as session:
        assert session.fingerprint == tiny.model_copy(update={"dtype": ENGINE.dtype}).fingerprint(session.files)
        counter = session.token_counter()
        assert counter is not None
        few, many = counter(["a", "a b c d e f g"])
        assert 0 < few < many
        assert session._engine is None


def test_the_number_format_counts_whether_refiner_or_engine_sets_it(tiny):
    engine = ENGINE.model_copy(update={"dtype": "auto"})
    half = ENGINE.model_copy(update={"dtype": "bfloat16"})
    refiner_says = tiny.model_copy(update={"dtype": "bfloat16"})

    by_default = RefinerSession(tiny, "doc", engine).fingerprint
    by_engine = RefinerSession(tiny, "doc", half).fingerprint

    assert by_engine != by_default
    assert RefinerSession(refiner_says, "doc", engine).fingerprint == by_engine


def test_one_engine_serves_all_shards_until_the_session_ends(tiny):
    with RefinerSession(tiny, "doc", ENGINE) as session:
        first = probabilities(session)
        engine = session._engine
        assert probabilities(session) == first
        assert session._engine is engine is not None
    assert session._engine is None


def test_after_an_engine_error_the_next_shard_starts_a_new_engine(tiny):
    with RefinerSession(tiny, "doc", ENGINE) as session:
        first = probabilities(session)
        dead = session._engine
        with pytest.raises(EngineError, match="stalled"), session.restarting_after_engine_errors():
            raise EngineError("stalled")
        assert probabilities(session) == pytest.approx(first)
        assert session._engine is not dead


def test_other_errors_leave_the_engine_running(tiny):
    with RefinerSession(tiny, "doc", ENGINE) as session:
        probabilities(session)
        engine = session._engine
        with pytest.raises(ValueError, match="a bad row"), session.restarting_after_engine_errors():
            raise ValueError("a bad row")
        assert session._engine is engine


def test_a_model_that_is_not_there_is_an_error_before_any_work(tmp_path):
    gone = RefinerConfig(name="gone", level="doc", model=str(tmp_path / "gone"))
    with RefinerSession(gone, "doc", ENGINE) as session, pytest.raises(RefinerError, match="gone"):
        _ = session.fingerprint


def test_rules_need_neither_files_nor_engine():
    with RefinerSession(preset("rules").doc, "doc", ENGINE) as session:
        assert session.files is None
        assert session.token_counter() is None
        assert len(list(session.document_refiner().write_programs(PAGES))) == 2
        assert session.describe()["name"] == "rules-doc"


def test_a_missing_level_keeps_everything_and_covers_every_line():
    with RefinerSession(None, "doc", ENGINE) as session:
        rows = list(session.document_refiner().write_programs(PAGES))
        assert [(row.doc_id, row.program) for row in rows] == [("a", "keep_doc()"), ("b", "keep_doc()")]
        assert session.fingerprint == "keep-all"
    with RefinerSession(None, "chunk", ENGINE) as session:
        chunks = list(session.chunk_refiner().write_programs(PAGES))
        assert [(row.rows[0].line_start, row.rows[0].line_end, row.rows[0].program) for row in chunks] == [
            (0, 0, "keep_chunk()"),
            (0, 1, "keep_chunk()"),
        ]
