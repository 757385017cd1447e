"""A classifier that gives documents marks, such as HuggingFaceFW/fineweb-edu-classifier (0 to 5, educational value).

Penedo et al., "The FineWeb Datasets" (2024), section 4: a sequence classifier with one output, read as a number, on the
first 512 tokens; FineWeb-Edu keeps what has at least 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from prox_assets.engines.extras import packages_of
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import find_checkpoint
from prox_assets.refiners.selector.file import SelectorRecord, read_record, write_record

if TYPE_CHECKING:
    from pathlib import Path

BATCH_TEXTS = 16


class EducationalRecord(SelectorRecord):
    """Which model gives the marks."""

    kind: Literal["educational"] = "educational"
    model: str = Field(description="Folder of a sequence classifier with one output, or its hub id.")
    revision: str | None = Field(description="Commit of a hub model.")
    tokens: int = Field(description="Tokens after which a text is cut.")
    hash: str = Field(description="Hashes of its weights and its tokenizer.")


class EducationalSelector:
    """Scores by the output of a sequence classifier.

    Attributes:
        record: The model.
    """

    name = "educational"
    measure = "mark of the classifier"

    def __init__(self, record: EducationalRecord) -> None:
        self.record = record

    @cached_property
    def _loaded(self) -> tuple[Any, Any, str]:
        with packages_of("models", RefinerError):
            import torch
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

        record = self.record
        files = find_checkpoint(record.model, record.revision)
        if f"{files.weights_hash} {files.tokenizer_hash}" != record.hash:
            raise RefinerError(f"{record.model} is another model than the one of the selector: fit it again.")
        try:
            tokenizer = AutoTokenizer.from_pretrained(files.path, local_files_only=True, trust_remote_code=False)
            model = AutoModelForSequenceClassification.from_pretrained(
                files.path, local_files_only=True, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise RefinerError(f"{record.model} cannot be read as a sequence classifier: {error}") from error
        if model.config.num_labels != 1:
            raise RefinerError(
                f"{record.model} has {model.config.num_labels} outputs; a selector needs a model with one, whose "
                "output is a mark."
            )
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return tokenizer, model.to(device).eval(), device

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the mark of each text.

        Raises:
            RefinerError: The model is missing, another, or has more than one output; or the extra `models` is missing.
        """
        import torch

        tokenizer, model, device = self._loaded
        scores = [0.0] * len(texts)
        # Texts of about one length share a batch, so that little is padding.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), BATCH_TEXTS):
            places = order[start : start + BATCH_TEXTS]
            batch = tokenizer(
                [texts[place] for place in places],
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=self.record.tokens,
            )
            with torch.inference_mode():
                marks = model(**batch.to(device)).logits.squeeze(-1).float().tolist()
            for place, mark in zip(places, marks, strict=True):
                scores[place] = mark
        return scores

    def save(self, folder: Path) -> None:
        """Write the selector's record into a folder."""
        write_record(folder, self.record)

    @classmethod
    def load(cls, folder: Path) -> EducationalSelector:
        """Return the selector in a folder; raises RefinerError where there is none."""
        return cls(read_record(folder, EducationalRecord))

    @classmethod
    def of_model(cls, model: str, revision: str | None, tokens: int) -> EducationalSelector:
        """Return the selector of a model; a hub model is downloaded if need be.

        Raises:
            RefinerError: There is no such model, or it cannot be reached.
        """
        files = find_checkpoint(model, revision)
        record = EducationalRecord(
            model=model,
            revision=files.revision or revision,
            tokens=tokens,
            hash=f"{files.weights_hash} {files.tokenizer_hash}",
        )
        return cls(record)
