"""The classifier of a cascade: what it says of documents and lines, and whether the model is asked too.

Prompts are built here as well as in worker processes (prompts/processes.py), so the classifier runs wherever they do.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prox_assets.programs import Chunk
from prox_assets.programs.words import count_words
from prox_assets.refiners.cascade.opinions import ChunkOpinion, DocumentOpinion
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import cascade_classifier
from prox_assets.refiners.model.files import find_classifier
from prox_assets.refiners.protocol import RefinerInput

if TYPE_CHECKING:
    from prox_assets.refiners.prompts.chunk_prompts import PlannedChunk


class ChunkOpinions:
    """Opinions on the chunks of documents."""

    def __init__(self, config: RefinerConfig) -> None:
        """Open the classifier.

        Raises:
            RefinerError: It is missing, damaged, or no classifier of this level.
        """
        # numpy and LightGBM would cost every process that only reads definitions.
        from prox_assets.refiners.cascade.gains import gains_of_chunks
        from prox_assets.refiners.classifier.open import open_chunk_classifier
        from prox_assets.refiners.trained import trained_chunks

        self._settings = _settings(config)
        self._is_scored = config.decoding == "score"
        self._gains = gains_of_chunks
        classifier, folder = _classifier(config)
        self._refiner = trained_chunks(classifier, open_chunk_classifier(folder))

    def of(self, texts: Sequence[str], plans: Sequence[Sequence["PlannedChunk"]]) -> list[list[ChunkOpinion | None]]:
        """Return an opinion on each planned chunk of each text; None where the classifier abstains."""
        return [
            [None] * len(chunks) if keep is None else self._opinions(text, keep, chunks)
            for text, keep, chunks in zip(texts, self.of_lines(texts), plans, strict=True)
        ]

    def of_lines(self, texts: Sequence[str]) -> list[tuple[float, ...] | None]:
        """Return the classifier's P(keep) of each line of each text; None where it abstains or all lines are blank."""
        inputs = (RefinerInput(str(place), text) for place, text in enumerate(texts))
        found = {answer.doc_id: answer.rows[0] for answer in self._refiner.write_programs(inputs)}
        return [found[str(place)].line_keep_probabilities for place in range(len(texts))]

    def _opinions(
        self, text: str, keep: tuple[float, ...], chunks: Sequence["PlannedChunk"]
    ) -> list[ChunkOpinion | None]:
        settings = self._settings
        if self._is_scored:
            sizes = [(planned.chunk, len(planned.prompt_token_ids)) for planned in chunks]
            asked = [gain >= settings.min_gain for gain in self._gains(text, keep, sizes, settings.spread)]
        else:
            lines = text.split("\n")
            means = [_mean_keep(lines, keep, planned.chunk) for planned in chunks]
            asked = [settings.unsure_from <= mean <= settings.unsure_to for mean in means]
        return [
            ChunkOpinion(keep[planned.chunk.line_start : planned.chunk.line_end + 1], is_asked)
            for planned, is_asked in zip(chunks, asked, strict=True)
        ]


def _mean_keep(lines: Sequence[str], keep: Sequence[float], chunk: Chunk) -> float:
    """Return the mean P(keep) of a chunk's words; 1 where it has none."""
    within = range(chunk.line_start, chunk.line_end + 1)
    words = [count_words(lines[line]) for line in within]
    total = sum(words)
    return sum(keep[line] * count for line, count in zip(within, words, strict=True)) / total if total else 1.0


class DocumentOpinions:
    """Opinions on whole documents."""

    def __init__(self, config: RefinerConfig) -> None:
        """Open the classifier; raises as `ChunkOpinions`."""
        from prox_assets.refiners.classifier.open import open_document_classifier
        from prox_assets.refiners.trained import trained_documents

        self._settings = _settings(config)
        classifier, folder = _classifier(config)
        self._refiner = trained_documents(classifier, open_document_classifier(folder))

    def of(self, texts: Sequence[str]) -> list[DocumentOpinion | None]:
        """Return an opinion on each text; None where the classifier abstains or all lines are blank."""
        inputs = (RefinerInput(str(place), text) for place, text in enumerate(texts))
        found = {answer.doc_id: answer.keep_probability for answer in self._refiner.write_programs(inputs)}
        return [self._opinion(found[str(place)]) for place in range(len(texts))]

    def _opinion(self, keep: float | None) -> DocumentOpinion | None:
        if keep is None:
            return None
        return DocumentOpinion(keep, self._settings.unsure_from <= keep <= self._settings.unsure_to)


def _settings(config: RefinerConfig) -> CascadeSettings:
    if config.cascade is None:
        raise RefinerError(f"{config.name} has no cascade settings.")
    return config.cascade


def _classifier(config: RefinerConfig) -> tuple[RefinerConfig, Path]:
    """Return the classifier of a cascade, and the folder that it is in."""
    classifier = cascade_classifier(config)
    if classifier.model is None:
        raise RefinerError(f"{classifier.name} has no folder.")
    return classifier, find_classifier(classifier.model).path
