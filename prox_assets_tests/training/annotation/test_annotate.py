"""A whole run against a scripted server: what is asked, and what the tables hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prox_assets.training.annotation import AnnotationError, AnnotatorConfig, annotate
from prox_assets.training.data.seeds import (
    SEED_CHUNK_DESCRIPTIONS,
    SEED_CHUNKS,
    SEED_DOCUMENT_DESCRIPTIONS,
    SEED_DOCUMENTS,
    SeedDocument,
)
from prox_assets.training.data.targets.lines import BLANK_WEIGHT
from prox_assets_tests.training.annotation.chat_server import COMPLETION_TOKENS, PROMPT_TOKENS, ChatServer
from prox_assets_tests.training.annotation.conftest import rows

Configure = Callable[..., AnnotatorConfig]


def test_documents_get_two_scores_and_a_decision(
    configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    progress: list[tuple[int, int]] = []
    summary = annotate(documents, configure(), "doc", tmp_path, lambda done, total: progress.append((done, total)))
    assert pq.read_schema(summary.path).equals(SEED_DOCUMENTS)
    assert [row["doc_id"] for row in rows(tmp_path)] == ["d0", "d1", "d2", "d3"]
    assert rows(tmp_path)[1] == {
        "doc_id": "d1",
        "site": "site1.example",
        "url": "http://site1.example/",
        "page_type": None,
        "text": documents[1].text,
        "decision": "keep",
        "keep_target": 1.0,
        "educational_score": 3,
        "educational_justification": "It explains something.",
        "format_score": 4,
        "format_justification": "It is clean.",
        "annotator": "moody-chat",
        "prompt_version": summary.prompt_version,
        "prompt_tokens": 2 * PROMPT_TOKENS,
        "completion_tokens": 2 * COMPLETION_TOKENS,
        "error": None,
    }
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (summary.rows, summary.usable, summary.errors, summary.requests) == (4, 4, {}, 8)


def test_chunks_get_a_merged_program_and_a_target_per_line(
    server: ChatServer, configure: Configure, tmp_path: Path
) -> None:
    lines = ["Menu", "x" * 20, "Footer", *(f"Line {i} of the text." for i in range(3, 9)), "", "The end."]
    # Room for nine lines: "[000]" and a line break are counted with each.
    size = sum(len(line) + 6 for line in lines[:9])
    document = SeedDocument("d", "a.example", "", "\n".join(lines))
    summary = annotate([document], configure(chunk_characters=size), "chunk", tmp_path)
    first, second = rows(tmp_path)
    assert pq.read_schema(summary.path).equals(SEED_CHUNKS)
    assert (first["line_start"], first["line_end"], first["text"]) == (0, 8, "\n".join(lines[:9]))
    assert first["program"] == "remove_lines(line_start=0, line_end=0)\nremove_lines(line_start=2, line_end=2)"
    assert first["line_targets"] == [0, 1, 0, 1, 1, 1, 1, 1, 1]
    assert first["line_weights"] == [1] * 9
    visible = [len("".join(line.split())) for line in lines[:9]]
    assert first["removed_share"] == pytest.approx((visible[0] + visible[2]) / sum(visible))
    assert (first["prompt_tokens"], first["completion_tokens"]) == (3 * PROMPT_TOKENS, 3 * COMPLETION_TOKENS)
    # The second chunk's labels begin at 0 again, and it has no line 2.
    assert (second["line_start"], second["line_end"]) == (9, 10)
    assert {handler["messages"][-1]["content"].split("[doc]\n")[1][:5] for handler in server.payloads} == {"[000]"}
    assert "out_of_range" in second["error"]
    assert second["program"] is second["line_targets"] is second["line_weights"] is None


def test_blank_lines_count_little_and_blank_chunks_are_not_asked_about(
    server: ChatServer, configure: Configure, tmp_path: Path
) -> None:
    documents = [SeedDocument("d", "a.example", "", "Menu\n\nFooter\nText."), SeedDocument("e", "a.example", "", " \n")]
    annotate(documents, configure(), "chunk", tmp_path)
    first, second = rows(tmp_path)
    assert first["line_weights"] == pytest.approx([1, BLANK_WEIGHT, 1, 1])
    assert second["error"] == "blank"
    assert server.requests == 3


def test_a_line_longer_than_a_chunk_has_a_row_without_program(
    server: ChatServer, configure: Configure, tmp_path: Path
) -> None:
    annotate([SeedDocument("d", "a.example", "", "y" * 100)], configure(chunk_characters=50), "chunk", tmp_path)
    assert rows(tmp_path)[0]["error"] == "line_longer_than_window"
    assert server.requests == 0


def test_a_program_that_removes_too_much_is_not_used(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    # Lines 0 and 2 of three: 27 of 46 visible characters.
    annotate(documents[:1], configure(max_removed_share=0.58), "chunk", tmp_path / "bounded")
    (row,) = rows(tmp_path / "bounded")
    assert "removes too much: 58.7%" in row["error"]
    assert row["program"] is None
    assert row["line_targets"] is None
    assert row["removed_share"] == pytest.approx(27 / 46)
    annotate(documents[:1], configure(max_removed_share=0.59), "chunk", tmp_path / "free")
    assert rows(tmp_path / "free")[0]["program"] is not None


def test_a_long_document_is_judged_by_its_head(server: ChatServer, configure: Configure, tmp_path: Path) -> None:
    document = SeedDocument("d", "a.example", "", "abc" * 100)
    annotate([document], configure(max_document_characters=7), "doc", tmp_path)
    assert all("[doc]\nabcabca\n[/doc]" in payload["messages"][-1]["content"] for payload in server.payloads)
    assert rows(tmp_path)[0]["text"] == document.text


def test_requests_hold_the_settings_and_further_fields(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    thinking_off = {"chat_template_kwargs": {"enable_thinking": False}}
    annotate(documents[:1], configure(temperature=0.5, max_tokens=77, extra=thinking_off), "doc", tmp_path)
    for payload in server.payloads:
        assert payload.keys() == {"model", "messages", "temperature", "max_tokens", "chat_template_kwargs"}
        assert (payload["model"], payload["temperature"], payload["max_tokens"]) == ("moody-chat", 0.5, 77)
        assert payload["chat_template_kwargs"] == {"enable_thinking": False}


def test_two_documents_of_one_id_are_refused(
    server: ChatServer, configure: Configure, documents: list[SeedDocument], tmp_path: Path
) -> None:
    with pytest.raises(AnnotationError, match="'d0'"):
        annotate([documents[0], documents[0]], configure(), "doc", tmp_path)
    assert server.requests == 0


@pytest.mark.parametrize(
    ("schema", "descriptions"),
    [(SEED_DOCUMENTS, SEED_DOCUMENT_DESCRIPTIONS), (SEED_CHUNKS, SEED_CHUNK_DESCRIPTIONS)],
)
def test_every_column_is_described(schema: Any, descriptions: dict[str, str]) -> None:
    assert list(descriptions) == schema.names
    assert all(text.endswith(".") for text in descriptions.values())
