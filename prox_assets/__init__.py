"""ProX ("Programming Every Example", arXiv 2409.17115) as a Dagster data-asset platform.

A small language model writes a program for every document and every chunk; an executor applies it. The folders, from
the bottom up: `programs` (the language), `engines` (how a model is run), `corpora` (raw files to documents), `lake`
(the Parquet tables), `refiners` (what a model is asked), `catalog` (questions over the lake), `monitoring` (metrics and
drift), `stages` (what each asset does to a shard), `training` (making refiners), `proof` (does refining help?), and on
top `orchestration` (Dagster) and `cli`. Imports point down only.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prox_assets.orchestration.components.lake_overview import LakeOverview as LakeOverview
    from prox_assets.orchestration.components.published_dataset import PublishedDataset as PublishedDataset
    from prox_assets.orchestration.components.refined_corpus import RefinedCorpus as RefinedCorpus
    from prox_assets.orchestration.components.refinement_proof import RefinementProof as RefinementProof
    from prox_assets.orchestration.components.refiner_comparison import RefinerComparison as RefinerComparison
    from prox_assets.orchestration.components.refiner_lab import RefinerLab as RefinerLab
    from prox_assets.orchestration.components.training_tokens import TrainingTokens as TrainingTokens

__version__ = "0.1.0"

# Dagster's tools find the components under the package's own name. They are imported only on access, so that the
# programs and the command line do not pay for Dagster's import (1.4 s).
_COMPONENTS = {
    "RefinedCorpus": "refined_corpus",
    "RefinerLab": "refiner_lab",
    "RefinementProof": "refinement_proof",
    "PublishedDataset": "published_dataset",
    "LakeOverview": "lake_overview",
    "RefinerComparison": "refiner_comparison",
    "TrainingTokens": "training_tokens",
}


def __getattr__(name: str) -> object:
    if name in _COMPONENTS:
        return getattr(import_module(f"prox_assets.orchestration.components.{_COMPONENTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_COMPONENTS]
