"""Compare chunking, prompting and execution with the released ProX code: speed, and whether the results are the same.

    python -m benchmarks.chunking --prox-checkout DIR --pages FILE [--limit N] [--tokenizer DIR]

Both sides get the same texts, the same tokenizer (the checkout's) and one thread; times are CPU times in one process.
This project's prompts end as token ids, ready for the engine. The released chunk script ends with text, which its
engine (vLLM) tokenizes again, so its total is printed with and without that step. Chunking and execution call the
released functions themselves (`released_code.py`); what its scripts do around them in `main` is reproduced here.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from benchmarks.support.arguments import command_parser
from benchmarks.support.execution import compare_execution
from benchmarks.support.released_code import CheckoutError, ReleasedCode, released_code
from prox_assets.refiners.model.batching import BATCH_DOCUMENTS
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.prompts.chunk_prompts import SPARE_TOKENS, ChunkPrompts, PlannedChunk, ProgramChunkPlanner
from prox_assets.refiners.prompts.document_prompts import DocumentPromptBuilder
from prox_assets.refiners.prompts.formats import SYSTEM_MESSAGE, label_lines, prompt_frame
from prox_assets.training.data.pages import read_labelled_pages

# Token limits of the released scripts: for the lines of a chunk, and for a document prompt.
CHUNK_TOKENS = 1500
DOCUMENT_TOKENS = 2000
# Llama 2's chat template, the default in transformers when the scripts were written.
LLAMA2_TEMPLATE = (
    "{{ bos_token + '[INST] <<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n'"
    " + messages[1]['content'].strip() + ' [/INST]' }}"
)

T = TypeVar("T")


class Side(NamedTuple):
    """What one side produced, and its cost.

    Attributes:
        chunks: Per page, the (first line, last line) of every chunk shown to a model.
        seconds: CPU seconds by step.
    """

    chunks: list[list[tuple[int, int]]]
    seconds: dict[str, float]


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; return 1 if a document differs for no known reason, or the checkout is not one of ProX."""
    # One thread per side; the tokenizer reads this at its first call.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    parser = command_parser("chunking", __doc__)
    parser.add_argument("--prox-checkout", type=Path, required=True, help="checkout of github.com/GAIR-NLP/ProX")
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer to use instead of the checkout's")
    parser.add_argument("--limit", type=int, help="use only the first N pages")
    options = parser.parse_args(arguments)
    try:
        released = released_code(options.prox_checkout)
    except CheckoutError as error:
        print(f"chunking: {error}", file=sys.stderr)
        return 1
    pages = [page for page in read_labelled_pages(options.pages) if page.text_full.strip()][: options.limit]
    texts = [page.text_full for page in pages]
    folder = options.tokenizer or released.tokenizer
    tokenizer = load_tokenizer(folder)
    ours, plans = _ours(texts, tokenizer)
    theirs = _released(texts, released, folder)
    _print_times(texts, ours, theirs)
    unexplained = _print_chunks(texts, ours, theirs, load_tokenizer(folder))
    unexplained += compare_execution(pages, plans, released)
    return 1 if unexplained else 0


def _timed(seconds: dict[str, float], name: str, work: Callable[[], T]) -> T:
    start = time.process_time()
    result = work()
    seconds[name] = seconds.get(name, 0.0) + time.process_time() - start
    return result


def _chunk_budget(tokenizer: PromptTokenizer) -> int:
    """Return the prompt budget at which a chunk's lines, line breaks included, have at most CHUNK_TOKENS tokens.

    The released code counts one token more per line: the one its tokenizer puts before every text.
    """
    empty = prompt_frame("llama2-chat", "chunk").render("")
    last_line_break = 1  # part of the frame
    return CHUNK_TOKENS + len(tokenizer.opening) + len(tokenizer.encode([empty])[0]) - last_line_break


def _ours(texts: Sequence[str], tokenizer: PromptTokenizer) -> tuple[Side, list[list[PlannedChunk]]]:
    planner = ProgramChunkPlanner(
        ChunkPrompts(tokenizer, prompt_frame("llama2-chat", "chunk"), _chunk_budget(tokenizer))
    )
    builder = DocumentPromptBuilder(tokenizer, prompt_frame("llama2-chat", "doc"), DOCUMENT_TOKENS)
    seconds: dict[str, float] = {}
    plans: list[list[PlannedChunk]] = []
    for first in range(0, len(texts), BATCH_DOCUMENTS):
        batch = texts[first : first + BATCH_DOCUMENTS]
        plans += _timed(seconds, "chunks and their prompts' token ids", lambda batch=batch: planner.plan(batch))
    for first in range(0, len(texts), BATCH_DOCUMENTS):
        batch = texts[first : first + BATCH_DOCUMENTS]
        _timed(seconds, "document prompts' token ids", lambda batch=batch: builder.build(batch))
    shown = [
        [(item.chunk.line_start, item.chunk.line_end) for item in plan if item.chunk.skip_reason is None]
        for plan in plans
    ]
    return Side(shown, seconds), plans


def _released(texts: Sequence[str], released: ReleasedCode, folder: Path) -> Side:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    tokenizer.chat_template = LLAMA2_TEMPLATE
    seconds: dict[str, float] = {}
    chunks: list[list[tuple[int, int]]] = []
    for text in texts:
        messages = _timed(
            seconds,
            "chunks (trunc_text)",
            lambda text=text: released.trunc_text(text, tokenizer, max_token=CHUNK_TOKENS),
        )
        prompts = _timed(
            seconds,
            "chunk prompts as text",
            lambda messages=messages: [
                tokenizer.apply_chat_template(_conversation(f"[doc]\n{m}\n[/doc]"), tokenize=False) for m in messages
            ],
        )
        _timed(seconds, "their token ids, in the engine", lambda prompts=prompts: tokenizer(prompts)["input_ids"])
        _timed(
            seconds,
            "document prompts' token ids",
            lambda text=text: tokenizer.apply_chat_template(
                _conversation(text), truncation=True, max_length=DOCUMENT_TOKENS
            ),
        )
        lines = [message.count("\n") + 1 for message in messages]
        chunks.append([(sum(lines[:index]), sum(lines[: index + 1]) - 1) for index in range(len(lines))])
    return Side(chunks, seconds)


def _conversation(message: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": SYSTEM_MESSAGE}, {"role": "user", "content": message}]


def _print_times(texts: Sequence[str], ours: Side, theirs: Side) -> None:
    characters = sum(map(len, texts))
    print(f"{len(texts):,} pages, {characters:,} characters, {sum(text.count(chr(10)) + 1 for text in texts):,} lines")
    print("\n| side | what | CPU seconds | documents/s |\n|---|---|---|---|")
    for name, side in (("released", theirs), ("prox_assets", ours)):
        for what, seconds in side.seconds.items():
            print(f"| {name} | {what} | {seconds:.2f} | {len(texts) / seconds:,.0f} |")
    mine, [chunk, text, ids, document] = ours.seconds, theirs.seconds.values()
    [my_chunk, my_document] = mine.values()
    print("\n| compared | released | prox_assets | ratio |\n|---|---|---|---|")
    for what, theirs_took, ours_took in (
        ("chunks and prompts, both to token ids", chunk + text + ids, my_chunk),
        ("the same with document prompts", chunk + text + ids + document, my_chunk + my_document),
        ("released: chunk prompts as text only", chunk + text, my_chunk),
    ):
        print(f"| {what} | {theirs_took:.2f} s | {ours_took:.2f} s | **{theirs_took / ours_took:.1f}** |")


def _print_chunks(texts: Sequence[str], ours: Side, theirs: Side, tokenizer: PromptTokenizer) -> int:
    """Print how many documents have the same chunks, and why the rest differ; return how many are unexplained."""
    causes: Counter[str] = Counter()
    for text, mine, other in zip(texts, ours.chunks, theirs.chunks, strict=True):
        causes["the same chunks" if mine == other else _cause(text, mine, other, tokenizer)] += 1
    print("\n| chunks of a document | documents |\n|---|---|")
    for cause, count in causes.most_common():
        print(f"| {cause} | {count:,} |")
    both = sum(len(chunks) for chunks in ours.chunks), sum(len(chunks) for chunks in theirs.chunks)
    print(f"| chunks shown to a model: prox_assets, released | {both[0]:,}, {both[1]:,} |")
    return causes[UNEXPLAINED]


UNEXPLAINED = "unexplained"


def _cause(text: str, ours: list[tuple[int, int]], theirs: list[tuple[int, int]], tokenizer: PromptTokenizer) -> str:
    """Return why two chunkings of a document differ, judged by the first chunk that does.

    A correct chunk fits the budget, and would no longer fit with the next line added (algorithm 1 of the paper).
    """
    first = next((pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]), None)
    lines = text.split("\n")
    budget = _chunk_budget(tokenizer) - len(tokenizer.opening)

    def tokens(start: int, end: int) -> int:
        frame = prompt_frame("llama2-chat", "chunk")
        return len(tokenizer.encode([frame.render(label_lines(lines[start : end + 1], start))])[0])

    shown = first[1] if first is not None else theirs[-1]
    if tokens(*shown) > budget:
        return "released: a chunk over its own limit is sent (a line longer than the window is not skipped)"
    if first is None:
        return UNEXPLAINED
    mine, other = first
    if mine[0] != other[0]:
        return UNEXPLAINED
    if mine[1] > other[1] and tokens(*mine) <= budget:
        return "released: a chunk ends although the next line fits (a line alone has more tokens than among others)"
    # The planner keeps a few tokens in reserve so that it rarely has to split a chunk again.
    if mine[1] < other[1] and tokens(mine[0], mine[1] + 1) > budget - SPARE_TOKENS:
        return f"prox_assets: the last {SPARE_TOKENS} tokens of a chunk are left free"
    return UNEXPLAINED


if __name__ == "__main__":
    sys.exit(main())
