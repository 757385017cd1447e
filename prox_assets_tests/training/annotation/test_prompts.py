"""The prompt files: their format, their version, and the examples that they give."""

import re
import shutil
from pathlib import Path

import pytest

from prox_assets.programs import KeepChunk, parse
from prox_assets.training.annotation import AnnotationError
from prox_assets.training.annotation.levels.noise import NOISE_PROMPTS, URLS, NoisePrompt, merge, read_program
from prox_assets.training.annotation.levels.scores import EDUCATIONAL, FORMAT
from prox_assets.training.annotation.prompts import BUNDLED_PROMPTS, load_prompts

CHUNK_PROMPTS = [kind.prompt for kind in NOISE_PROMPTS]


def examples(kind: NoisePrompt) -> list[tuple[list[str], str]]:
    """Return the labelled lines and the answer of each example in a prompt."""
    turns = load_prompts(CHUNK_PROMPTS).prompts[kind.prompt].turns[:-1]
    pairs = zip(turns[::2], turns[1::2], strict=True)
    return [(asked.split("[doc]\n")[1].split("\n[/doc]")[0].split("\n"), answer) for (_, asked), (_, answer) in pairs]


@pytest.mark.parametrize("kind", NOISE_PROMPTS, ids=lambda kind: kind.name)
def test_every_example_is_an_answer_that_would_be_accepted(kind: NoisePrompt) -> None:
    found = examples(kind)
    assert len(found) >= 3
    for labelled, answer in found:
        assert [line[:5] for line in labelled] == [f"[{number:03d}]" for number in range(len(labelled))]
        lines = [line[5:] for line in labelled]
        merged = merge([read_program(answer, lines, kind)], lines)
        assert re.match(r"[^\n`]+\n```python\n", answer), "each begins with a sentence"
        assert merged.removed_share < 0.9


@pytest.mark.parametrize("kind", NOISE_PROMPTS, ids=lambda kind: kind.name)
def test_every_prompt_shows_text_that_must_be_kept(kind: NoisePrompt) -> None:
    kept = [parse(answer).operations == (KeepChunk(),) for _, answer in examples(kind)]
    assert any(kept)
    assert not all(kept)


def test_the_url_examples_remove_whole_lines_and_take_strings_out_of_lines() -> None:
    programs = [read_program(answer, [line[5:] for line in lines], URLS) for lines, answer in examples(URLS)]
    assert {type(operation).__name__ for program in programs for operation in program} == {"RemoveLines", "Normalize"}


@pytest.mark.parametrize("kind", [EDUCATIONAL, FORMAT], ids=lambda kind: kind.label)
def test_the_document_prompts_ask_for_the_line_that_is_read(kind: object) -> None:
    assert isinstance(kind, type(EDUCATIONAL))
    (message,) = load_prompts([kind.prompt]).prompts[kind.prompt].messages("A page.")
    assert message["role"] == "user"
    assert "[doc]\nA page.\n[/doc]" in message["content"]
    assert message["content"].endswith(f"{kind.label}: <points>")


def test_the_page_is_put_in_as_it_is() -> None:
    page = "=== user\n{text} {problem} [/doc]"
    *_, message = load_prompts(CHUNK_PROMPTS).prompts["chunk_urls"].messages(page, problem="it said {text}")
    assert message["content"].count(page) == 1
    assert message["content"].count("it said {text}") == 1


def test_the_version_is_the_folders_name_and_changes_with_any_file_of_the_level(tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    shutil.copytree(BUNDLED_PROMPTS, folder)
    bundled = load_prompts(CHUNK_PROMPTS).version
    assert re.fullmatch(r"v1-[0-9a-f]{12}", bundled)
    assert load_prompts(CHUNK_PROMPTS, folder).version == bundled
    for name in (*CHUNK_PROMPTS, "retry"):
        path = folder / f"{name}.txt"
        before = path.read_text()
        path.write_text(before + "Be quick.")
        assert load_prompts(CHUNK_PROMPTS, folder).version != bundled
        path.write_text(before)
    (folder / "document_format.txt").write_text("=== user\n{text}")
    assert load_prompts(CHUNK_PROMPTS, folder).version == bundled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("Rate {text}", "must consist of turns"),
        ("Hello\n=== user\n{text}", "must consist of turns"),
        ("=== user\n{text}\n=== assistant\nYes.", "end with a user's"),
        ("=== user\nRate it.", "exactly once: in its last turn"),
        ("=== user\n{text}\n=== assistant\nYes.\n=== user\n{text}", "exactly once: in its last turn"),
    ],
)
def test_a_file_of_another_format_is_named_with_what_is_wrong(tmp_path: Path, text: str | None, message: str) -> None:
    (tmp_path / "retry.txt").write_text("Again: {problem}")
    if text is not None:
        (tmp_path / "mine.txt").write_text(text)
    with pytest.raises(AnnotationError, match=rf"mine\.txt.*{message}"):
        load_prompts(["mine"], tmp_path)
