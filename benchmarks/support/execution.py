"""Compare this project's executor with the released one on the same programs; part of `benchmarks.chunking`.

The programs are those a perfect chunk refiner would write for labelled pages, in the released models' spelling:
`remove_lines` for lines that people marked as boilerplate, and `normalize` for what the inline patterns find in the
other lines (addresses, citation marks, share buttons). Strings the released parser cannot read (containing a comma, a
bracket, "=" or a quote) are left out, so that both sides do the same work.
"""

import time
from collections.abc import Sequence
from itertools import groupby

from benchmarks.support.released_code import ReleasedCode
from prox_assets.programs import ChunkProgram, ExecutionPolicy, execute
from prox_assets.refiners.prompts.chunk_prompts import PlannedChunk
from prox_assets.refiners.spans.candidates import find_candidates
from prox_assets.refiners.spans.config import InlineSettings
from prox_assets.training.data.pages import LabelledPage

ROUNDS = 3
# The released parser splits a call at these.
_UNREADABLE = frozenset(",()=\"'\\\n")
_STRICT = ExecutionPolicy(whole_words=True)
_REFERENCE = ExecutionPolicy(mode="reference")


def compare_execution(
    pages: Sequence[LabelledPage], plans: Sequence[Sequence[PlannedChunk]], released: ReleasedCode
) -> int:
    """Print the tables; return the number of documents whose text differs between reference mode and released code."""
    work = [(page.text_full, _programs(page, plan)) for page, plan in zip(pages, plans, strict=True)]
    answers = [item.program or "" for _, programs in work for item in programs]
    lengths = [len(programs) for _, programs in work]
    theirs, strict, reference = [], [], []
    seconds: dict[str, float] = dict.fromkeys(("released", "strict", "reference"), 0.0)
    for _ in range(ROUNDS):
        start = time.process_time()
        merged = released.merge_chunks([str(answer).strip(" ") for answer in answers], lengths)
        theirs = [
            released.execute_meta_operations(text, program) for (text, _), program in zip(work, merged, strict=True)
        ]
        seconds["released"] += time.process_time() - start
        start = time.process_time()
        strict = [execute(text, programs, _STRICT).text for text, programs in work]
        seconds["strict"] += time.process_time() - start
        start = time.process_time()
        reference = [execute(text, programs, _REFERENCE).text for text, programs in work]
        seconds["reference"] += time.process_time() - start
    operations = sum(len(execute(text, programs, _STRICT).edits) for text, programs in work)
    print(f"\n{len(work):,} documents, {operations:,} operations; {ROUNDS} rounds")
    print("\n| executor | CPU seconds a round | documents/s | released / this | same text as released |")
    print("|---|---|---|---|---|")
    texts = {"released": theirs, "strict": strict, "reference": reference}
    for name, results in texts.items():
        took = seconds[name] / ROUNDS
        same = sum(mine == other for mine, other in zip(results, theirs, strict=True))
        ratio = seconds["released"] / seconds[name]
        print(f"| {name} | {took:.3f} | {len(work) / took:,.0f} | **{ratio:.2f}** | {same:,} |")
    return sum(mine != other for mine, other in zip(reference, theirs, strict=True))


def _programs(page: LabelledPage, plan: Sequence[PlannedChunk]) -> list[ChunkProgram]:
    lines = page.text_full.split("\n")
    programs: list[ChunkProgram] = []
    for item in plan:
        chunk = item.chunk
        if chunk.skip_reason is not None:
            programs.append(ChunkProgram(chunk, None))
            continue
        numbers = range(chunk.line_start, chunk.line_end + 1)
        calls: list[str] = []
        for removed, group in groupby(numbers, key=lambda number: page.keep_full[number] == 0):
            run = list(group)
            if removed:
                calls.append(f"remove_lines(start={run[0]}, end={run[-1]})")
        calls += [f'normalize(source_str="{noise}", target_str="")' for noise in _noise(page, lines, numbers)]
        programs.append(ChunkProgram(chunk, "\n".join(calls) or "untouch_doc()"))
    return programs


def _noise(page: LabelledPage, lines: Sequence[str], numbers: range) -> dict[str, None]:
    found: dict[str, None] = {}
    for number in numbers:
        if page.keep_full[number] == 0:
            continue
        for span in find_candidates(lines[number], InlineSettings().kinds):
            text = lines[number][span.start : span.end]
            if text.strip() == text and len(text) > 3 and not _UNREADABLE & set(text):
                found[text] = None
    return found
