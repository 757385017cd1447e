"""The document-level refiner that asks a model whether to keep or drop a document.

prompts/makers.py builds the prompts, and model_refiner.py sends them.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from prox_assets.engines.protocol import Completion, Score
from prox_assets.refiners.model.batching import with_prompts
from prox_assets.refiners.model.model_refiner import ModelRefiner, Request
from prox_assets.refiners.model.scoring import keep_probability
from prox_assets.refiners.prompts.chunk_prompts import BLANK
from prox_assets.refiners.prompts.document_prompts import DocumentPrompt
from prox_assets.refiners.prompts.makers import DocumentPromptMaker
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput


class ModelDocumentRefiner(ModelRefiner[DocumentPromptMaker]):
    """Writes document programs with a model, scored or generated as the configuration says.

    Scoring takes one forward pass. It compares the first tokens in which the two answers differ, after the tokens that
    they share; in the line-labels dialect it compares the keep and remove labels after the judge token.
    Blank documents are not shown to the model: their finish_reason is "skipped", and they have no program.
    """

    _maker_class = DocumentPromptMaker

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield exactly one result per document, in any order.

        Raises:
            EngineError: The engine died or lost prompts.
        """
        skipped: deque[DocumentProgram] = deque()

        def requests() -> Iterator[Request[tuple[str, DocumentPrompt]]]:
            for batch in with_prompts(documents, self._prompts):
                for document, prompt in batch:
                    if prompt is None:
                        skipped.append(
                            DocumentProgram(doc_id=document.doc_id, finish_reason="skipped", skip_reason=BLANK)
                        )
                    elif prompt.opinion is not None and not prompt.opinion.asked:
                        skipped.append(_unasked(document.doc_id, prompt.opinion.keep))
                    else:
                        ids = prompt.token_ids + self._maker.shared_answer
                        yield Request((document.doc_id, prompt), ids, (len(ids) - 1,))

        for (doc_id, prompt), answer in self._answers(requests()):
            while skipped:
                yield skipped.popleft()
            yield self._program(doc_id, prompt, answer)
        yield from skipped

    def _program(self, doc_id: str, prompt: DocumentPrompt, answer: Completion | Score) -> DocumentProgram:
        classifier = None if prompt.opinion is None else prompt.opinion.keep
        error, program, probability, completion_tokens = answer.error, None, None, 0
        finish_reason = "scored"
        if isinstance(answer, Completion):
            finish_reason, completion_tokens = answer.finish_reason, answer.completion_tokens
            program = answer.text if error is None else None
        elif error is None:
            probability = keep_probability(*answer.log_probabilities[0])
            if probability is None:
                error = "the model gave neither answer any probability"
            elif classifier is not None:
                probability = self._with_classifier(classifier, probability)
        return DocumentProgram(
            doc_id=doc_id,
            program=program,
            keep_probability=probability,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=completion_tokens,
            truncated=prompt.truncated,
            finish_reason="error" if error is not None else finish_reason,
            error=error,
            classifier_keep_probability=classifier,
        )


def _unasked(doc_id: str, keep: float) -> DocumentProgram:
    """Return what the classifier of a cascade decided alone."""
    return DocumentProgram(
        doc_id=doc_id, keep_probability=keep, finish_reason="scored", classifier_keep_probability=keep
    )
