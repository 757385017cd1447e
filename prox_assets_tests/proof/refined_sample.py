"""The bundled sample, refined by rules, and proofs of it in folders of the tests' own."""

from pathlib import Path
from typing import Any

from prox_assets.corpora.sample import sample_source
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import refine_shards


def refine(lake: Lake, source: CorpusSource | None = None, *, refiner: str = "rules", level: str = "both") -> None:
    """Take a corpus, the sample by default, through every stage."""
    refiners = preset(refiner)
    if level == "chunk":
        refiners = refiners.model_copy(update={"doc": None})
    plan = RefinementPlan(source=source or sample_source(), refiners=refiners)
    shards = discover_shards(lake, plan, "run-1").shards
    result = refine_shards(lake, plan, shards, "run-1", report=lambda *_: lambda *_: None)
    assert result.errors == {}


def proof_of(
    folder: Path, *arms: dict[str, Any], corpus: str = "sample", **changes: Any
) -> tuple[ProofSettings, ProofFolder]:
    """Return the settings of a proof of a corpus, with the raw arm first, and its folder; it needs two arms."""
    others = arms or [{"kind": "rules", "name": "c4", "rules": ["c4"]}]
    settings = {"corpora": [corpus], "arms": [{"kind": "raw"}, *others], "models": [{"kind": "ngram"}], **changes}
    return ProofSettings.model_validate(settings), ProofFolder(folder)
