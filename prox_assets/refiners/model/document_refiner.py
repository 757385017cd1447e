"""The document-level refiner that asks a model whether to keep or drop a document.

It sends the requests and interprets the results; prompts/makers.py builds the prompts.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from prox_assets.engines.protocol import Completion, CompletionRequest, Engine, EngineError, Score, ScoreRequest
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.model.batching import in_this_process, with_prompts
from prox_assets.refiners.model.scoring import keep_probability
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.document_prompts import DocumentPrompt
from prox_assets.refiners.prompts.makers import DocumentPromptMaker, PromptStream
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput


class ModelDocumentRefiner:
    """Writes document programs with a model, scored or generated as the configuration says.

    Scoring takes one forward pass. It compares the first tokens in which the two answers differ, after the tokens that
    they share; in the line-labels dialect it compares the keep and remove labels after the judge token.
    Blank documents are not shown to the model: their finish_reason is "skipped", and they have no program.
    """

    def __init__(
        self,
        config: RefinerConfig,
        engine: Engine,
        tokenizer: PromptTokenizer,
        prompts: PromptStream[DocumentPrompt] | None = None,
    ) -> None:
        """Prepare prompts and answers.

        Args:
            config: A configuration of level doc.
            engine: The engine that runs the model.
            tokenizer: The model's tokenizer.
            prompts: Builds the prompts; they are built in this process if None.

        Raises:
            RefinerError: The configuration is not for documents, its prompt format is still "auto" or does not fit, or
                the engine's window is smaller than the configured one.
        """
        config.check_window(engine.max_model_len)
        self._config = config
        self._engine = engine
        self._end_token_ids = tokenizer.end_token_ids
        self._maker = DocumentPromptMaker(config, tokenizer)
        self._prompts = prompts or in_this_process(self._maker.make)

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield exactly one result per document, in any order.

        Raises:
            EngineError: The engine died or lost requests.
        """
        waiting: dict[str, tuple[RefinerInput, DocumentPrompt]] = {}
        skipped: deque[DocumentProgram] = deque()

        def prompts() -> Iterator[tuple[str, DocumentPrompt]]:
            number = 0
            for batch in with_prompts(documents, self._prompts):
                for document, prompt in batch:
                    if prompt is None:
                        skipped.append(DocumentProgram(doc_id=document.doc_id, finish_reason="skipped"))
                        continue
                    # Requests are numbered because the caller's document ids need not be unique.
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
                    stop_token_ids=self._end_token_ids,
                    grammar=self._config.grammar,
                )
                for request_id, prompt in prompts
            )
        return self._engine.score(self._score_request(request_id, prompt) for request_id, prompt in prompts)

    def _score_request(self, request_id: str, prompt: DocumentPrompt) -> ScoreRequest:
        token_ids = prompt.token_ids + self._maker.shared_answer
        return ScoreRequest(request_id, token_ids, (len(token_ids) - 1,), self._maker.candidates)

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
