"""The lab with a language model as its annotator: from a chat server to training sets."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.training.annotation import BudgetExceededError
from prox_assets.training.data.tables import read_table
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.lab.stages import annotate_seeds, build_examples
from prox_assets_tests.training.annotation.chat_server import ChatServer, chat_server
from prox_assets_tests.training.lab.plans import small_plan
from prox_assets_tests.training.synthetic_pages import sentence

WORTHLESS = 5


def seed_documents(path: Path, count: int) -> Path:
    """Write pages of three lines: a menu, a sentence that no other page has, a footer."""
    import random

    rows = [
        {
            "doc_id": f"d{number}",
            "site": f"site{number}.example",
            "url": "",
            "text": f"Home | News\n{sentence(random.Random(number))} Page {number}.\nAll rights reserved",
        }
        for number in range(count)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def plan_for(server: ChatServer, documents: Path, **annotator: object) -> LabPlan:
    settings = {"base_url": server.base_url, "max_tokens": 20, "attempts": 2, **annotator}
    return small_plan(None, seed_documents=[str(documents)], annotator=settings)


def test_a_model_annotates_both_levels_and_what_it_drops_is_no_seed_of_the_chunk_level(tmp_path):
    documents = seed_documents(tmp_path / "seeds.parquet", 8)
    folder = LabFolder(tmp_path / "lab")
    with chat_server() as server:

        def behave(handler, before):
            if f"Page {WORTHLESS}." in handler.text and "Educational score" in handler.text.split("[/doc]")[-1]:
                handler.say("Nothing to learn.\nEducational score: 0")
            elif "Page 3." in handler.text and "Format score" in handler.text.split("[/doc]")[-1]:
                handler.say("I cannot help with that.")
            else:
                handler.answer_well()

        server.behave(behave)
        plan = plan_for(server, documents)
        announced: list[str] = []
        shown = annotate_seeds(plan, folder, "doc", announce=announced.append)
        annotate_seeds(plan, folder, "chunk")
    assert shown["annotator_usable"] == 7
    assert shown["estimate_requests"] == 16
    assert "prompt_tokens" in announced[0]
    decisions = {row["doc_id"]: row["decision"] for row in read_table(folder.annotations("doc"))}
    assert decisions.pop(f"d{WORTHLESS}") == "drop"
    assert decisions.pop("d3") is None
    assert set(decisions.values()) == {"keep"}
    chunks = {row["doc_id"]: row for row in read_table(folder.annotations("chunk"))}
    assert f"d{WORTHLESS}" not in chunks
    assert chunks["d0"]["line_targets"] == [0.0, 1.0, 0.0]
    statistics = build_examples(plan, folder, "doc")
    assert sum(statistics["examples"].values()) == 7
    assert sum(statistics["errors"].values()) == 1
    assert json.loads(folder.statistics("doc").read_text()) == statistics


def test_a_budget_stops_the_annotation_and_a_larger_one_goes_on(tmp_path):
    documents = seed_documents(tmp_path / "seeds.parquet", 8)
    folder = LabFolder(tmp_path / "lab")
    with chat_server() as server:
        with pytest.raises(BudgetExceededError, match="budget"):
            annotate_seeds(plan_for(server, documents, budget_tokens=2_500, concurrency=1), folder, "doc")
        asked = server.requests
        assert not folder.annotations("doc").exists()
        shown = annotate_seeds(plan_for(server, documents), folder, "doc")
    assert shown["annotator_reused"] > 0
    assert shown["annotator_requests"] == 16 - shown["annotator_reused"]
    assert asked > 0
