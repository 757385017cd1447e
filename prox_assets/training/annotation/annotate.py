"""One annotation run, from documents to `seed_annotations.parquet`."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.annotation.asking import Asker, chat_model
from prox_assets.training.annotation.budget import Budget
from prox_assets.training.annotation.config import AnnotatorConfig, Tokens
from prox_assets.training.annotation.ledger import Ledger, open_ledger
from prox_assets.training.annotation.questions import AnnotationPlan
from prox_assets.training.data.seeds import SeedDocument
from prox_assets.training.data.tables import write_table

TABLE_NAME = "seed_annotations.parquet"


@dataclass(frozen=True, slots=True)
class AnnotationSummary:
    """The outcome of a run.

    Attributes:
        path: The finished table.
        rows: Number of rows: documents or chunks.
        usable: Rows without an error.
        errors: Rows with an error, counted by the beginning of the error, up to the second colon.
        requests: Requests of this run that were answered.
        reused: Questions settled by earlier answers.
        prompt_tokens: Prompt tokens of all answers in the folder's ledger, earlier runs included.
        completion_tokens: Completion tokens of the same answers.
        cost: Cost of those tokens, in the currency of the prices; None without prices.
        annotator: Name of the served model.
        prompt_version: Version of the prompts.
    """

    path: Path
    rows: int
    usable: int
    errors: dict[str, int]
    requests: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    annotator: str
    prompt_version: str


def annotate(
    documents: Sequence[SeedDocument],
    config: AnnotatorConfig,
    level: Level,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> AnnotationSummary:
    """Annotate documents with a chat model; a second call with the same folder continues where the first one stopped.

    Do not call it inside a running event loop.

    Args:
        documents: The documents to annotate; at chunk level only the kept ones.
        config: The model, how to ask it, and what that may cost.
        level: "doc" writes rows of SEED_DOCUMENTS, "chunk" rows of SEED_CHUNKS.
        folder: A folder on a local disk, one per level. answers.jsonl records every answer as it arrives, and
            seed_annotations.parquet appears when all questions are settled, with its rows in input order.
        progress: Called with (finished rows, all rows) whenever a row is settled.

    Returns:
        The outcome. Rows whose questions could not be settled have an `error`. The next run asks again about rows that
        the server failed to answer; rows with unusable answers are asked again only with more `attempts`.

    Raises:
        BudgetExceededError: The next request might exceed the budget; the message says how to continue.
        AnnotationError: Two documents share an id, a prompt file or the ledger is unusable, another run is working in
            the folder, or the server produced nothing but failures.
        EngineError: The server is unreachable or gone, does not serve the model, or is not a chat server.
        LakeError, OSError: The folder cannot be written.
    """
    plan = AnnotationPlan(documents, config, level)
    path = folder / TABLE_NAME
    errors: Counter[str] = Counter()
    with open_ledger(folder, level) as ledger:
        asker = asyncio.run(_ask(plan, config, ledger, folder, progress or (lambda done, total: None)))
        write_table(path, plan.level.schema, _rows(plan, asker, errors))
        return AnnotationSummary(
            path=path,
            rows=len(plan.units),
            usable=len(plan.units) - errors.total(),
            errors=dict(errors.most_common()),
            requests=asker.requests,
            reused=asker.reused,
            prompt_tokens=ledger.spent.prompt,
            completion_tokens=ledger.spent.completion,
            cost=config.cost(ledger.spent),
            annotator=asker.model.name,
            prompt_version=plan.prompt_set.version,
        )


async def _ask(
    plan: AnnotationPlan, config: AnnotatorConfig, ledger: Ledger, folder: Path, progress: Callable[[int, int], None]
) -> Asker:
    async with chat_model(config) as model:
        budget = Budget(config, ledger.spent, str(folder))
        asker = Asker(plan, config, model, ledger, budget, progress)
        await asker.ask_all()
        return asker


def _rows(plan: AnnotationPlan, asker: Asker, errors: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield the row of each unit; count errors on the way."""
    for unit, answered in zip(plan.units, asker.results, strict=True):
        # Results arrive in any order; the rows, and the error each one names, must not depend on that order.
        results = {name: answered[name] for name in plan.level.prompts if name in answered}
        columns = plan.level.columns(unit, results)
        tokens = sum((result.tokens for result in results.values()), Tokens())
        if columns["error"] is not None:
            errors[":".join(columns["error"].split(":")[:2])] += 1
        yield {
            "doc_id": unit.document.doc_id,
            "site": unit.document.site,
            "url": unit.document.url,
            "text": unit.text,
            **columns,
            "annotator": asker.model.name,
            "prompt_version": plan.prompt_set.version,
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
        }
