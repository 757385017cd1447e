"""Every command of docs/questions.md, run on a lake that has something to say to each."""

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prox_assets.browser.judging import judge_document
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Judgement, Outcome, Table
from prox_assets.stages.reading.discovery import known_shard, record_shard
from prox_assets_tests.browser.lakes import place_of_page
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages
from prox_assets_tests.cli.command_line import prox

QUESTIONS = (Path(__file__).parent.parent / "docs" / "questions.md").read_text()
COMMANDS = [line for block in re.findall(r"```\n(.*?)```", QUESTIONS, flags=re.S) for line in block.splitlines()]
LINE = "boats leave the harbour with the tide"


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    """Two shards of `crawl`, one with a bad row, one gone since; the first again in `crawl_two`; a judgement."""
    folder = tmp_path_factory.mktemp("questions")
    lake = Lake(str(folder / "lake"))
    pages = (*PAGES, Page(f"Home\n{LINE}", "remove_lines(0, 0)"), Page("fails", error="the engine gave up"))
    refine_pages(lake, folder / "raw", pages, corpus="crawl", bad_rows=1)
    refine_pages(lake, folder / "raw", PAGES[:4], corpus="crawl", shard="two.jsonl")
    refine_pages(lake, folder / "raw", tuple(Page(page.text) for page in pages), corpus="crawl_two", bad_rows=1)
    gone = replace(known_shard(lake, "crawl", "two.jsonl"), gone_since=datetime.now(UTC))
    record_shard(lake, "crawl", gone, "run-2")
    place = place_of_page(lake, f"Home\n{LINE}", "crawl")
    judge_document(lake, place, "ada", Judgement.GOOD_EDIT, None, lake.execution("crawl", place.shard))
    return lake


def test_there_are_at_least_fifteen_questions() -> None:
    assert len(re.findall(r"^\*\*[^*]+\?\*\*", QUESTIONS, flags=re.M)) >= 15


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_answers(lake, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROX_LAKE", lake.url)
    edited = next(
        row["doc_id"]
        for row in lake.rows("crawl", Table.OUTCOMES, "one.jsonl")
        if row["outcome"] == Outcome.KEPT_EDITED and row["characters_after"] >= 20
    )
    words = shlex.split(command.replace("DOC_ID", edited))
    assert words[0] == "prox"
    output = prox(*words[1:])
    assert output.strip()
    assert "no rows" not in output
    if "find" in command:
        assert edited in output
    if "--output" in words or "--html" in words:
        assert "<html" in Path(words[-1]).read_text()
