"""Proofs whose models are trained and scored, as files: scores made of known effects of arms and of known noise."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.results import TrainedModel, write_result
from prox_assets.proof.runs import runs_of
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.tables import ARM, DOCUMENTS, SCORES

POINTS = (250_000, 500_000, 1_000_000)
TINY = {"kind": "llama", "name": "tiny", "preset": "1m", "seeds": 3}


@dataclass(frozen=True)
class Effects:
    """What scores are made of: bits per byte of a text, once the models are finished.

    Attributes:
        arms: What each arm's models need less than those of raw; 0 by default.
        noise_of_sites: Standard deviation between sites of an arm's effect.
        noise_of_seeds: The same between seeds.
        sites: Sites of an evaluation set.
        not_learned: Arms whose models have not learned.
        untrained: (arm, model) without models.
    """

    arms: Mapping[str, float] = field(default_factory=dict)
    noise_of_sites: float = 0.02
    noise_of_seeds: float = 0.001
    sites: int = 40
    not_learned: tuple[str, ...] = ()
    untrained: tuple[tuple[str, str], ...] = ()


def settings_of(**changes: object) -> ProofSettings:
    """Return a proof of raw, a refined arm with its controls, two rules, an oracle, a 4-gram and a Llama."""
    attributes: dict[str, object] = {
        "name": "pages",
        "corpora": ["web"],
        "arms": [
            {"kind": "raw"},
            {"kind": "refined"},
            {"kind": "rules", "name": "gopher", "rules": ["gopher_quality"]},
            {"kind": "rules", "name": "c4", "rules": ["c4"]},
            {"kind": "oracle"},
        ],
        "models": [{"kind": "ngram", "seeds": 3}, TINY],
        "budgets": ["tokens"],
        "tokens": POINTS[-1],
        **changes,
    }
    return ProofSettings.model_validate(attributes)


def write_proof(root: Path, settings: ProofSettings, effects: Effects) -> ProofFolder:
    """Write a proof's arms, models and scores."""
    folder = ProofFolder(root)
    rng = np.random.default_rng(7)
    _write_arms(folder, settings)
    lengths = rng.integers(500, 6000, effects.sites * 2)
    difficulty = 2 + rng.normal(0, 0.3, effects.sites * 2)
    noises = {arm.name: rng.normal(0, effects.noise_of_sites, effects.sites) for arm in settings.arms}
    for run in runs_of(settings):
        if (run.arm, run.model) in effects.untrained:
            continue
        llama = settings.model(run.model).kind == "llama"
        luck = np.random.default_rng([run.seed, sum(run.arm.encode())]).normal(0, effects.noise_of_seeds)
        rows = []
        for tokens in POINTS:
            late = 0.4 * math.log2(POINTS[-1] / tokens) - effects.arms.get(run.arm, 0.0) + luck
            for place in range(effects.sites * 2):
                site = place // 2
                bits = difficulty[place] + late + noises[run.arm][site] + (0.3 if llama else 0)
                size = float(lengths[place]) * math.log(2)
                for evaluation in ("gold", "raw"):
                    better = bits if evaluation == "gold" else 2 * difficulty[place] - bits + 1
                    rows.append(
                        (evaluation, "bits_per_byte", f"page{place}", f"site{site}", tokens, better * size, size)
                    )
        for question in range(60):
            answered = float(rng.random() < 0.3 + effects.arms.get(run.arm, 0.0))
            rows.append(("quiz", "accuracy", f"q{question}", f"q{question}", POINTS[-1], answered, 1.0))
        pq.write_table(
            pa.table(dict(zip(SCORES.names, zip(*rows, strict=True), strict=True)), schema=SCORES), folder.scores(run)
        )
        write_result(
            folder.model(run),
            TrainedModel(
                arm=run.arm,
                model=run.model,
                budget=run.budget,
                seed=run.seed,
                identity="i",
                tokens=POINTS[-1],
                unique_tokens=800_000,
                documents=900,
                epochs=1.25,
                parameters=1_500_000,
                parameters_without_embeddings=1_000_000,
                flops=6e12 if llama else 0.0,
                seconds=90.0 if llama else 6.0,
                device="cpu",
                losses=((POINTS[0], 6.0), (POINTS[-1], 4.0)),
                learned=run.arm not in effects.not_learned if llama else None,
            ),
        )
    return folder


def _write_arms(folder: ProofFolder, settings: ProofSettings) -> None:
    documents = [(i, "web", "a.jsonl", f"d{i}", i, f"site{i % 50}", i % 4 == 0, 1000) for i in range(100)]
    _write(folder.documents(), DOCUMENTS, documents)
    for arm in settings.arms:
        part = 1.0 if arm.kind == "raw" else 0.6
        rows = [
            (i, i % 10 > 0, "documents", "web", "a.jsonl", f"d{i}", None, int(1000 * part) if i % 10 else 0, None, None)
            for i in range(100)
            if i % 4
        ]
        _write(folder.arm(arm.name), ARM, rows)


def _write(path: Path, schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=pl.Schema(schema), orient="row")
    pq.write_table(frame.to_arrow().cast(schema), path)
