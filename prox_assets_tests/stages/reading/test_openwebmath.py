"""Pages in the form of OpenWebMath, refined from the raw file to the lake's tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from prox_assets.corpora.sample.maths.build import SHARD, maths_pages
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import KEPT_OUTCOMES, Table
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.presets import preset
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.stages.settings import RefinementSettings
from prox_assets_tests.lakes import lake_at

PAGES = {page.url: page for page in maths_pages()}
DOCS = Path(__file__).parents[3] / "docs" / "maths.md"


def silently(stage: str, shard: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def refined(folder: Path, limit: int | None = None, **settings: Any) -> tuple[Lake, str]:
    plan = RefinementSettings.model_validate(
        {"corpus": "maths", "urls": [str(SHARD)], "format": "openwebmath", **settings}
    ).plan
    lake = lake_at(folder / "lake")
    [shard] = discover_shards(lake, plan, "run").shards
    refine_shards(lake, plan, [shard], "run", limit=limit, report=silently)
    return lake, shard.key


def outcomes(lake: Lake) -> dict[str, str]:
    documents = lake.scan("maths", Table.DOCUMENTS).select("doc_id", "url")
    joined = documents.join(lake.scan("maths", Table.OUTCOMES).select("doc_id", "outcome"), on="doc_id")
    return dict(joined.select("url", "outcome").collect().iter_rows())


def test_the_maths_rules_keep_formulas_and_drop_pages_of_noise(tmp_path):
    lake, _ = refined(tmp_path, refiners="rules-math")
    kept = {url for url, outcome in outcomes(lake).items() if outcome in KEPT_OUTCOMES}
    texts = dict(lake.scan("maths", Table.REFINED).select("url", "text").collect().iter_rows())
    formulas = [
        (url, line)
        for url, page in PAGES.items()
        for line, label in zip(page.lines, page.labels, strict=True)
        if label == "formula"
    ]

    assert {url for url, page in PAGES.items() if not page.is_worthless} <= kept
    assert len(kept) <= 37
    cut = [(url, line) for url, line in formulas if line not in texts[url].split("\n")]
    assert len(cut) <= 1, cut


def test_the_released_maths_refiners_take_it_with_models_in_their_place(tmp_path, tiny_llama):
    released = preset("prox-math")
    small = {"model": str(tiny_llama), "prompt_format": "llama2-chat", "probe": False, "dtype": "float32"}
    assert released.doc is not None
    assert released.chunk is not None
    refiners = released.model_copy(
        update={
            "doc": RefinerConfig.model_validate({**released.doc.model_dump(), **small}),
            "chunk": RefinerConfig.model_validate({**released.chunk.model_dump(), **small, "max_new_tokens": 4}),
        }
    )
    # Random weights: every document goes on to the chunk level.
    policy = {"doc_keep_threshold": 0.0}
    engine = TransformersEngineConfig(device="cpu", threads=1)
    lake, shard = refined(tmp_path, limit=5, refiners=refiners, policy=policy, engine=engine)
    first = next(iter(PAGES.values()))
    document = next(lake.rows("maths", Table.DOCUMENTS, shard))

    assert (document["url"], document["text"]) == (first.url, first.text)
    assert "found_math" in document["metadata"]
    assert len(outcomes(lake)) == 5
    assert set(outcomes(lake).values()) <= {str(outcome) for outcome in KEPT_OUTCOMES}
    chunks = list(lake.rows("maths", Table.CHUNK_PROGRAMS, shard))
    assert {chunk["error"] for chunk in chunks} == {None}
    assert sum(chunk["prompt_tokens"] or 0 for chunk in chunks) > 1_000
    [stored] = lake.rows("maths", Table.POLICIES, shard)
    assert '"protect_formulas": true' in stored["configuration"]


@pytest.mark.parametrize(
    ("refiners", "policy", "protected"),
    [
        ("prox-math", {}, True),
        ("rules-math", {}, True),
        ("lines", {}, False),
        ("lines", {"protect_formulas": True}, True),
        ("prox-math", {"protect_formulas": False}, False),
        ("prox-web", {}, False),
    ],
)
def test_refiners_for_maths_protect_formulas_and_others_where_told_to(refiners, policy, protected):
    settings = RefinementSettings(corpus="maths", urls=[str(SHARD)], refiners=refiners, policy=policy)

    assert settings.plan.execution_policy.protect_formulas is protected


def test_the_settings_on_the_page_about_maths_are_settings():
    blocks = [block.partition("```")[0] for block in DOCS.read_text(encoding="utf-8").split("```yaml\n")[1:]]
    corpora = [yaml.safe_load(block) for block in blocks if "RefinedCorpus" in block]
    plans = [RefinementSettings.model_validate(corpus["attributes"]).plan for corpus in corpora]

    assert plans
    assert all(plan.execution_policy.protect_formulas and plan.source.format == "openwebmath" for plan in plans)
