"""Decisions by probability against decisions by program."""

from pathlib import Path

import pytest

from benchmarks import document_decisions
from benchmarks.document_decisions import compare
from benchmarks.support.decision_refiner import as_released
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput
from prox_assets_tests.training.synthetic_pages import write_pages

CONFIG = RefinerConfig(name="doc", level="doc", model="no/model", prompt_format="plain", window=4000)
DOCUMENTS = [RefinerInput(name, "a page") for name in ("kept", "dropped", "rambled", "turned")]


def answer(doc_id: str, program: str | None, probability: float | None) -> DocumentProgram:
    return DocumentProgram(
        doc_id=doc_id,
        program=program,
        keep_probability=probability,
        prompt_tokens=3,
        completion_tokens=5,
        finish_reason="stop",
    )


SCORED = {
    name: answer(name, None, p) for name, p in {"kept": 0.9, "dropped": 0.1, "rambled": 0.2, "turned": 0.7}.items()
}
WRITTEN = {
    name: answer(name, program, None)
    for name, program in {
        "kept": "keep_doc()",
        "dropped": "drop_doc()",
        "rambled": "The page says",
        "turned": "drop_doc()",
    }.items()
}


@pytest.mark.parametrize("mode", ["strict", "reference"])
def test_only_a_program_that_is_an_answer_can_contradict_a_score(mode: str) -> None:
    found = compare(DOCUMENTS, SCORED, WRITTEN, CONFIG, ExecutionPolicy(mode=mode))  # type: ignore[arg-type]

    assert (found.same, found.kept) == (2, 2)
    assert found.unlike == ("turned",)
    assert found.other == ("rambled",)


def test_both_ways_of_asking_show_the_same_prompt_and_the_released_way_may_write_2000_tokens() -> None:
    released = as_released(CONFIG)

    assert released.decoding == "complete"
    assert released.max_new_tokens == 2000
    assert released.prompt_budget == CONFIG.prompt_budget == 2000


def test_pages_that_leave_none_to_ask_about_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = write_pages(tmp_path / "pages.parquet", 5)

    assert document_decisions.main(["--pages", str(pages), "--training-pages", "5"]) == 1
    assert "leaves none to ask about" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        document_decisions.main(["--pages", str(tmp_path / "none.parquet")])
    assert "none.parquet" in capsys.readouterr().err


@pytest.mark.vllm
def test_a_trained_refiner_decides_the_same_either_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = write_pages(tmp_path / "pages.parquet", 60)
    options = ["--training-pages", "40", "--steps", "40", "--engine-option", "core_process=same"]

    code = document_decisions.main(["--pages", str(pages), *options, "--work", str(tmp_path / "work")])

    shown = capsys.readouterr()
    assert code == 0, shown.out + shown.err
    assert "20 pages" in shown.out
    assert "speed-up" in shown.out
