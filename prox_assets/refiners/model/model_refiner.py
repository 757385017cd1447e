"""What refiners that ask a model share: the prompts go to the engine, and each answer comes back with its prompt."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from prox_assets.engines.protocol import Completion, CompletionRequest, Engine, EngineError, Score, ScoreRequest
from prox_assets.refiners.cascade.combining import combined
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.makers import ChunkPromptMaker, DocumentPromptMaker, PromptStream

AboutT = TypeVar("AboutT")
MakerT = TypeVar("MakerT", DocumentPromptMaker, ChunkPromptMaker)


class Request(NamedTuple, Generic[AboutT]):
    """A prompt, what it asks about, and the positions at which scored answers are read off."""

    about: AboutT
    prompt_token_ids: tuple[int, ...]
    positions: tuple[int, ...]


class ModelRefiner(Generic[MakerT]):
    """A refiner that asks a model; the levels differ in their prompts and in what they make of the answers."""

    _maker_class: type[MakerT]

    def __init__(
        self,
        config: RefinerConfig,
        engine: Engine,
        tokenizer: PromptTokenizer,
        prompts: PromptStream[Any] | None = None,
    ) -> None:
        """Prepare prompts and answers.

        Args:
            config: A configuration of the refiner's level.
            engine: The engine that runs the model.
            tokenizer: The model's tokenizer.
            prompts: Builds the prompts; they are built in this process if None.

        Raises:
            RefinerError: The prompt format is still "auto" or does not fit, the tokenizer lacks a token, the window is
                too small for any prompt, or the engine's window is smaller than the configured one.
        """
        config.check_window(engine.max_model_len)
        self._config = config
        self._engine = engine
        self._end_token_ids = tokenizer.end_token_ids
        self._maker = self._maker_class(config, tokenizer)
        self._prompts: PromptStream[Any] = prompts or partial(map, self._maker.make)

    def _with_classifier(self, classifier: float, model: float) -> float:
        """Return P(keep) from both opinions of a cascade; the model's is calibrated before."""
        settings, calibration = self._config.cascade, self._config.calibration
        if settings is None:
            return model
        return combined(classifier, model if calibration is None else calibration.probability(model), settings)

    def _answers(self, requests: Iterator[Request[AboutT]]) -> Iterator[tuple[AboutT, Completion | Score]]:
        """Ask the engine, and yield each answer with what it is about, in any order.

        Raises:
            EngineError: The engine died or lost prompts.
        """
        # Prompts are numbered because the caller's document ids need not be unique.
        waiting: dict[str, AboutT] = {}

        def numbered() -> Iterator[tuple[str, Request[AboutT]]]:
            for number, request in enumerate(requests):
                waiting[str(number)] = request.about
                yield str(number), request

        for answer in self._ask(numbered()):
            yield waiting.pop(answer.request_id), answer
        if waiting:
            raise EngineError(f"The engine ended without an answer to {len(waiting)} prompts: start it again.")

    def _ask(self, requests: Iterator[tuple[str, Request[Any]]]) -> Iterator[Completion] | Iterator[Score]:
        if self._config.decoding == "score":
            return self._engine.score(
                ScoreRequest(number, request.prompt_token_ids, request.positions, self._maker.candidates, relative=True)
                for number, request in requests
            )
        return self._engine.complete(
            CompletionRequest(
                number,
                request.prompt_token_ids,
                self._config.max_new_tokens,
                stop_token_ids=self._end_token_ids,
                grammar=self._config.grammar,
            )
            for number, request in requests
        )
