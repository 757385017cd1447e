"""The files of a proof: a local folder, because training needs a local disk.

What the catalog shows lies in the lake, under `_proofs/{proof}/` (tables.py).
"""

import os
from pathlib import Path

from prox_assets.proof.runs import ModelRun

DEFAULT_PROOFS = "proofs"
"""Folder of all proofs, in the working directory."""


def proof_folder(name: str, root: str | None = None) -> "ProofFolder":
    """Return the folder of a proof in that of all proofs: `root`, or the environment's PROX_PROOFS, or the default."""
    return ProofFolder(Path(root or os.environ.get("PROX_PROOFS") or DEFAULT_PROOFS) / name)


class ProofFolder:
    """The paths of a proof's files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def documents(self) -> Path:
        """Return the path of the table of documents that all arms share (tables.DOCUMENTS)."""
        return self._in(self.root) / "documents.parquet"

    def arm(self, arm: str) -> Path:
        """Return the path of an arm's table (tables.ARM)."""
        return self._in(self.root / "arms") / f"{arm}.parquet"

    def selector(self, arm: str) -> Path:
        """Return the folder of a fitted selector."""
        return self._in(self.root / "selectors" / arm)

    def tokenizer(self) -> Path:
        """Return the folder of the tokenizer, as transformers loads it."""
        return self._in(self.root / "tokenizer")

    def own_tokenizer(self, model: str) -> Path:
        """Return the folder of a model's own tokenizer."""
        return self._in(self.root / "tokenizers" / model)

    def tokens(self, arm: str, model: str | None = None) -> Path:
        """Return the folder of an arm's tokens (tokens.py), by the proof's tokenizer or a model's own."""
        return self._in(self.root / "tokens" / (arm if model is None else f"{arm}.{model}"))

    def evaluation(self, name: str) -> Path:
        """Return the path of the texts of an evaluation set (tables.TEXTS)."""
        return self._in(self.root / "evaluation") / f"{name}.parquet"

    def model(self, run: ModelRun) -> Path:
        """Return the folder of a trained model, its checkpoints and `run.json` (results.py)."""
        return self._in(self.root / "models" / run.arm / run.variant)

    def scores(self, run: ModelRun) -> Path:
        """Return the path of a model's scores (tables.SCORES)."""
        return self._in(self.root / "scores" / run.arm) / f"{run.variant}.parquet"

    def report(self) -> Path:
        """Return the path of the report."""
        return self._in(self.root) / "report.html"

    def verdicts(self) -> Path:
        """Return the path of the report's numbers."""
        return self._in(self.root) / "report.json"

    @staticmethod
    def _in(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
