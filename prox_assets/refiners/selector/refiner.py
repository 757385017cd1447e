"""The refiner of kind `selector`: drops documents that a fitted selector scores below a threshold."""

from collections.abc import Iterable, Iterator

from prox_assets.programs.operations import DropDoc, KeepDoc, render
from prox_assets.refiners.classifier.refiner import batches
from prox_assets.refiners.prompts.chunk_prompts import BLANK
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput
from prox_assets.refiners.selector.protocol import Selector


class SelectorDocumentRefiner:
    """Keeps or drops documents by their scores.

    Args:
        selector: What scores them.
        threshold: The lowest score of a document that stays.
    """

    def __init__(self, selector: Selector, threshold: float) -> None:
        self._selector = selector
        self._threshold = threshold

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield one program per document, in order; the reason for a drop is the comment behind its call."""
        for batch in batches(documents):
            filled = [document for document in batch if document.text.strip()]
            scores = iter(self._selector.score([document.text for document in filled]))
            for document in batch:
                if document.text.strip():
                    yield DocumentProgram(
                        doc_id=document.doc_id, program=self._program(next(scores)), finish_reason="stop"
                    )
                else:
                    yield DocumentProgram(doc_id=document.doc_id, finish_reason="skipped", skip_reason=BLANK)

    def _program(self, score: float) -> str:
        if score >= self._threshold:
            return render([KeepDoc()])
        reason = f"selector {self._selector.name}: score {score:.6g} below {self._threshold:.6g}"
        return f"{render([DropDoc()])}  # {reason}"
