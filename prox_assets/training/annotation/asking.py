"""Asks the questions of a run: workers, attempts, and when to stop.

Every answer goes to the ledger before it is judged. The server client in `engines` handles HTTP and its retries; the
levels judge the answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prox_assets.engines.server.client import CompletionsClient, RequestFailedError, RequestRefusedError
from prox_assets.training.annotation.answers import usable_text
from prox_assets.training.annotation.budget import Budget
from prox_assets.training.annotation.chat import ChatAnswer, ChatModel, most_prompt_tokens
from prox_assets.training.annotation.config import AnnotatorConfig, Tokens
from prox_assets.training.annotation.errors import AnnotationError, UnusableAnswerError
from prox_assets.training.annotation.ledger import Ledger, LedgerEntry
from prox_assets.training.annotation.levels.level import QuestionResult
from prox_assets.training.annotation.questions import AnnotationPlan, Question


@asynccontextmanager
async def chat_model(config: AnnotatorConfig) -> AsyncIterator[ChatModel]:
    """Connect to the server, and close the connections when the block ends.

    Raises:
        EngineStartError: The server is unreachable, or does not serve the model.
    """
    client = CompletionsClient(config.server(), on_answer=lambda: None)
    try:
        yield ChatModel(client, await client.served_model_name(), config)
    finally:
        await client.close()


@dataclass(slots=True)
class Asker:
    """Asks the open questions of a plan.

    Attributes:
        config: Attempts and concurrency.
        ledger: Stores new answers and holds earlier ones.
        on_progress: Called with (finished units, all units) whenever a unit is finished.
        results: For each unit, the result of each prompt by name.
        requests: Number of answered requests.
        reused: Number of questions answered by the ledger alone.
    """

    plan: AnnotationPlan
    config: AnnotatorConfig
    model: ChatModel
    ledger: Ledger
    budget: Budget
    on_progress: Callable[[int, int], None]
    results: list[dict[str, QuestionResult]] = field(init=False)
    requests: int = 0
    reused: int = 0
    _finished: int = 0
    _failures_in_a_row: int = 0
    _last_failure: Exception | None = None

    def __post_init__(self) -> None:
        self.results = [{} for _ in self.plan.units]

    async def ask_all(self) -> None:
        """Ask all open questions; `results` then has an entry for each prompt of each unit that was not skipped.

        Raises:
            BudgetExceededError: The next request might exceed the budget.
            AnnotationError: Too many questions in a row failed, or no question was answered.
            EngineError: The server is gone, or is not a chat server.
        """
        self._finished = sum(unit.skip_reason is not None for unit in self.plan.units)
        questions = self.plan.questions()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.config.concurrency, self.plan.question_count)):
                    group.create_task(self._work(questions))
        except BaseExceptionGroup as failures:
            raise _first(failures) from failures
        if self._last_failure is not None and not self.ledger.count:
            raise AnnotationError(
                f"no question was answered; the last error was: {self._last_failure}"
            ) from self._last_failure

    async def _work(self, questions: Iterator[Question]) -> None:
        # All workers draw from one iterator, so only the questions in flight exist at any time.
        for question in questions:
            unit_results = self.results[question.unit_index]
            unit_results[question.prompt.name] = await self._result(question)
            if len(unit_results) == len(self.plan.level.prompts):
                self._finished += 1
                self.on_progress(self._finished, len(self.plan.units))

    async def _result(self, question: Question) -> QuestionResult:
        key = self.plan.key(question, self.model.name)
        answers = self.ledger.answers(key)
        value, problem = self._judge(question, answers)
        if self._is_settled(answers, problem):
            self.reused += 1
        while not self._is_settled(answers, problem):
            try:
                answer = await self._ask(question, problem)
            except (RequestRefusedError, RequestFailedError) as error:
                self._note_failure(error)
                # Failures do not go to the ledger, so the next run asks again.
                value, problem = None, f"no answer from the server: {error}"
                break
            self._failures_in_a_row = 0
            self.requests += 1
            names = (self.plan.name, question.unit.document.doc_id, question.prompt.name)
            self.ledger.add(LedgerEntry(key, *names, self.plan.prompt_set.version, self.model.name, answer))
            answers.append(answer)
            value, problem = self._judge(question, answers)
        return QuestionResult(value, problem, sum((answer.tokens for answer in answers), Tokens()))

    async def _ask(self, question: Question, problem: str | None) -> ChatAnswer:
        messages = question.messages(problem)
        most = Tokens(most_prompt_tokens(messages), self.config.max_tokens)
        await self.budget.wait_for_room(most)
        with self.budget.reserve(most):
            answer = await self.model.ask(messages, self.config.max_tokens)
            self.budget.spend(answer.tokens)
        return answer

    def _judge(self, question: Question, answers: list[ChatAnswer]) -> tuple[object, str | None]:
        """Return the value of the first usable answer; without one, None and what is wrong with the last answer."""
        problem = None
        for answer in answers:
            try:
                return self.plan.level.judge(question.unit, question.prompt.name, usable_text(answer)), None
            except UnusableAnswerError as error:
                problem = str(error)
        return None, problem

    def _is_settled(self, answers: list[ChatAnswer], problem: str | None) -> bool:
        return bool(answers) and (problem is None or len(answers) >= self.config.attempts)

    def _note_failure(self, error: Exception) -> None:
        self._last_failure = error
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= self.config.max_failures_in_a_row:
            raise AnnotationError(
                f"{self._failures_in_a_row} questions in a row have failed; the last error was: {error}. Check the "
                "server, then run again with the same folder: only open questions are asked."
            ) from error


def _first(failures: BaseExceptionGroup) -> BaseException:
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
