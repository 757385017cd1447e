"""One annotation run: from documents to `seed_annotations.parquet`.

Belongs here: the whole of a run, and the table at its end. Not here: the parts.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.storage import Storage
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.annotation.asking import Asker, chat_model
from prox_assets.training.annotation.budget import Budget, Tokens
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.ledger import Ledger, open_ledger
from prox_assets.training.annotation.questions import AnnotationPlan
from prox_assets.training.data.seeds import SeedDocument

TABLE_NAME = "seed_annotations.parquet"

_ROWS_PER_GROUP = 2_000


@dataclass(frozen=True, slots=True)
class AnnotationSummary:
    """What a run did.

    Attributes:
        path: The finished table.
        rows: Its rows: documents or chunks.
        usable: Rows without an error.
        errors: Rows by the beginning of their error, up to the second colon.
        requests: Requests that this run sent and that were answered.
        reused: Questions that earlier answers settled.
        prompt_tokens: Of all answers in the folder's ledger, earlier runs included.
        completion_tokens: Likewise.
        cost: What those tokens cost, in the currency of the prices; None without prices.
        annotator: The served model's name.
        prompt_version: The prompts' version.
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
    """Annotate documents with a chat model; run again with the same folder, it goes on where it stopped.

    Not to be called inside a running event loop.

    Args:
        documents: What to annotate; at chunk level those that are kept.
        config: The model, how it is asked, and what that may cost.
        level: "doc" writes rows of SEED_DOCUMENTS, "chunk" of SEED_CHUNKS.
        folder: On a local disk, one per level: answers.jsonl takes every answer as it comes, and
            seed_annotations.parquet appears when all questions are settled, with its rows in input order.
        progress: Called with (finished rows, all rows) whenever a row is settled.

    Returns:
        What was done. Rows whose questions could not be settled have an `error`; those that the server failed to
        answer are asked again by the next run, those with unusable answers only with more `attempts`.

    Raises:
        BudgetExceededError: The budget may not do for the next request; the message says how to go on.
        AnnotationError: Two documents have one id, a prompt file or the ledger is unusable, another run works in the
            folder, or nothing but failures came from the server.
        EngineError: The server cannot be reached or is gone, does not serve the model, or is no chat server.
        LakeError, OSError: The folder cannot be written.
    """
    plan = AnnotationPlan(documents, config, level)
    with open_ledger(folder, level) as ledger:
        asker = asyncio.run(_ask(plan, config, ledger, folder, progress or (lambda done, total: None)))
        rows = (_row(plan, asker, index) for index in range(len(plan.units)))
        path, errors = _write_table(rows, plan.level.schema, folder)
        return AnnotationSummary(
            path=path,
            rows=len(plan.units),
            usable=len(plan.units) - errors.total(),
            errors=dict(errors.most_common()),
            requests=asker.requests,
            reused=asker.reused,
            prompt_tokens=ledger.prompt_tokens,
            completion_tokens=ledger.completion_tokens,
            cost=config.cost(ledger.prompt_tokens, ledger.completion_tokens),
            annotator=asker.model.name,
            prompt_version=plan.prompt_set.version,
        )


async def _ask(
    plan: AnnotationPlan,
    config: AnnotatorConfig,
    ledger: Ledger,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Asker:
    async with chat_model(config) as model:
        budget = Budget(config, Tokens(ledger.prompt_tokens, ledger.completion_tokens), str(folder))
        asker = Asker(plan, config, model, ledger, budget, progress)
        await asker.ask_all()
        return asker


def _row(plan: AnnotationPlan, asker: Asker, index: int) -> dict[str, Any]:
    unit, answered = plan.units[index], asker.verdicts[index]
    # Verdicts come in any order; rows, and which error they name, must not depend on it.
    verdicts = {name: answered[name] for name in plan.level.prompts if name in answered}
    return {
        "doc_id": unit.document.doc_id,
        "site": unit.document.site,
        "url": unit.document.url,
        "page_type": None,
        "text": unit.text,
        **plan.level.columns(unit, verdicts),
        "annotator": asker.model.name,
        "prompt_version": plan.prompt_set.version,
        "prompt_tokens": sum(verdict.prompt_tokens for verdict in verdicts.values()),
        "completion_tokens": sum(verdict.completion_tokens for verdict in verdicts.values()),
    }


def _write_table(rows: Iterator[dict[str, Any]], schema: pa.Schema, folder: Path) -> tuple[Path, Counter[str]]:
    errors: Counter[str] = Counter()
    with (
        Storage(str(folder)).new_files([TABLE_NAME]) as [temporary],
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        while group := list(islice(rows, _ROWS_PER_GROUP)):
            errors.update(":".join(row["error"].split(":")[:2]) for row in group if row["error"] is not None)
            writer.write_table(pa.Table.from_pylist(group, schema))
    return folder / TABLE_NAME, errors
