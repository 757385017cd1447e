"""The document-level refiner that asks a model: keep this document or drop it.

Belongs here: requests for documents and what their results mean. Not here: prompts (document_prompts.py,
line_labels.py).
"""

from collections import deque
from collections.abc import Iterable, Iterator

from prox_assets.engines.protocol import Completion, CompletionRequest, Engine, EngineError, Score, ScoreRequest
from prox_assets.refiners.batching import batches
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.document_prompts import DocumentPrompt, DocumentPromptBuilder, DocumentPrompts
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels import LineLabelsDocumentPrompts
from prox_assets.refiners.prompts import prompt_frame
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput
from prox_assets.refiners.scoring import keep_probability
from prox_assets.refiners.tokenization import PromptTokenizer


class ModelDocumentRefiner:
    """Writes document programs with a model, scored or generated as the configuration says.

    Scoring compares, in one forward pass, the first tokens in which the two answers differ, given what they share; in
    the line-labels dialect, its keep and remove labels after the judge token.
    Blank documents are not shown to the model: finish_reason "skipped", no program.
    """

    def __init__(self, config: RefinerConfig, engine: Engine, tokenizer: PromptTokenizer) -> None:
        """Prepare prompts and answers.

        Raises:
            RefinerError: The configuration is not for documents, its prompt format is still open or does not fit, or
                the engine's window is smaller than the configured one.
        """
        config.check_window(engine.max_model_len)
        self._config = config
        self._engine = engine
        self._tokenizer = tokenizer
        self._shared_answer: tuple[int, ...] = ()
        self._candidates: tuple[int, int] = (0, 0)
        self._prompts = self._make_prompts()

    def _make_prompts(self) -> DocumentPrompts:
        config = self._config
        if config.dialect == "line-labels":
            prompts = LineLabelsDocumentPrompts(self._tokenizer, config.line_labels, config.prompt_budget)
            self._candidates = prompts.candidates
            return prompts
        if config.prompt_format not in ("llama2-chat", "plain"):
            raise RefinerError(
                f"{config.name} has prompt_format {config.prompt_format!r}: let the probe choose one first."
            )
        if config.decoding == "score":
            self._shared_answer, self._candidates = _answer_tokens(config, self._tokenizer)
        budget = min(config.prompt_budget, config.window - config.answer_tokens - len(self._shared_answer))
        return DocumentPromptBuilder(self._tokenizer, prompt_frame(config.prompt_format, "doc"), budget)

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield exactly one result per document, in any order.

        Raises:
            EngineError: The engine died or lost requests.
        """
        waiting: dict[str, tuple[RefinerInput, DocumentPrompt]] = {}
        skipped: deque[DocumentProgram] = deque()

        def prompts() -> Iterator[tuple[str, DocumentPrompt]]:
            number = 0
            for batch in batches(documents):
                shown = [document for document in batch if document.text.strip()]
                skipped.extend(_skipped(document) for document in batch if not document.text.strip())
                for document, prompt in zip(shown, self._prompts.build([item.text for item in shown]), strict=True):
                    # Numbered, because nothing promises that the caller's ids are unique.
                    waiting[str(number)] = (document, prompt)
                    yield str(number), prompt
                    number += 1

        for result in self._ask(prompts()):
            while skipped:
                yield skipped.popleft()
            document, prompt = waiting.pop(result.request_id)
            yield self._program(document, prompt, result)
        yield from skipped
        if waiting:
            raise EngineError(f"The engine ended without an answer for {len(waiting)} documents: start it again.")

    def _ask(self, prompts: Iterator[tuple[str, DocumentPrompt]]) -> Iterator[Completion] | Iterator[Score]:
        if self._config.decoding == "complete":
            return self._engine.complete(
                CompletionRequest(
                    request_id,
                    prompt.token_ids,
                    self._config.max_new_tokens,
                    stop_token_ids=self._tokenizer.end_token_ids,
                    grammar=self._config.grammar,
                )
                for request_id, prompt in prompts
            )
        return self._engine.score(self._score_request(request_id, prompt) for request_id, prompt in prompts)

    def _score_request(self, request_id: str, prompt: DocumentPrompt) -> ScoreRequest:
        token_ids = prompt.token_ids + self._shared_answer
        return ScoreRequest(request_id, token_ids, (len(token_ids) - 1,), self._candidates)

    def _program(self, document: RefinerInput, prompt: DocumentPrompt, result: Completion | Score) -> DocumentProgram:
        error, program, probability, completion_tokens = result.error, None, None, 0
        finish_reason = "scored"
        if isinstance(result, Completion):
            finish_reason, completion_tokens = result.finish_reason, result.completion_tokens
            program = result.text if error is None else None
        elif error is None:
            probability = keep_probability(*result.log_probabilities[0])
            if probability is None:
                error = "the model gave neither answer any probability"
        return DocumentProgram(
            doc_id=document.doc_id,
            program=program,
            keep_probability=probability,
            prompt_tokens=result.prompt_tokens,
            completion_tokens=completion_tokens,
            truncated=prompt.truncated,
            finish_reason="error" if error is not None else finish_reason,
            error=error,
        )


def _answer_tokens(config: RefinerConfig, tokenizer: PromptTokenizer) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Return the tokens that both answers share, and the first two tokens (keep, drop) in which they differ.

    Answers are encoded by themselves, because that is how supervised tuning encodes what follows a prompt.
    """
    keep, drop = (encoded.token_ids for encoded in tokenizer.encode([config.keep_answer, config.drop_answer]))
    for index, pair in enumerate(zip(keep, drop, strict=False)):
        if pair[0] != pair[1]:
            return keep[:index], pair
    raise RefinerError(
        f"The answers {config.keep_answer!r} and {config.drop_answer!r} do not differ before one of them ends: choose "
        "answers of which neither begins with the other."
    )


def _skipped(document: RefinerInput) -> DocumentProgram:
    return DocumentProgram(
        doc_id=document.doc_id,
        program=None,
        keep_probability=None,
        prompt_tokens=0,
        completion_tokens=0,
        truncated=False,
        finish_reason="skipped",
    )
