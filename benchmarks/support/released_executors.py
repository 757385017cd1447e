"""Run the released executors of ProX, UltraX and ReScraper from checkouts, on documents with a program for each chunk.

The functions are the checkouts' unchanged files; here are only the loops around them, which the released scripts have
inside functions that also load a model. Nothing of the files is copied.
"""

import io
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import FrameType, ModuleType

from benchmarks.support.released_code import EXECUTOR, CheckoutError, load_module
from prox_assets.programs import ChunkProgram, ExecutionPolicy

ULTRAX_INFERENCE = "stage2_large_scale_execution/inference/inference.py"
ULTRAX_EXECUTION = "stage2_large_scale_execution/post_processing/post_process_and_execute.py"
RESCRAPER_READER = "lib/rescraper_ops.py"
RESCRAPER_FILTER = "inference/postfilter.py"
SECONDS = 20.0
"""CPU time after which released code counts as code that never finishes."""

ReleasedExecutor = Callable[[str, Sequence[ChunkProgram], ExecutionPolicy], "str | None"]
"""(text, programs, policy) -> the text; None if the released code keeps none of it."""


class NeverFinishesError(BaseException):
    """The released code did not finish within SECONDS of CPU time; no `except Exception` of it may catch this."""


@contextmanager
def bounded_time() -> Iterator[None]:
    """Stop what runs inside after SECONDS of CPU time; for the main thread.

    Raises:
        NeverFinishesError: It did not finish.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise NeverFinishesError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def released_prox(checkout: Path) -> ReleasedExecutor:
    """Return the executor of a checkout of GAIR-NLP/ProX.

    Raises:
        CheckoutError: A file is missing, or cannot be imported.
    """
    module = _load(checkout, EXECUTOR, "GAIR-NLP/ProX")

    def execute(text: str, programs: Sequence[ChunkProgram], policy: ExecutionPolicy) -> str | None:
        joined = "\n".join(str(item.program or "").strip(" ") for item in programs)
        thresholds = (policy.reference_threshold_1, policy.reference_threshold_2, policy.reference_error_op)
        return module.execute_meta_operations(text, joined, *thresholds) or None

    return execute


def released_ultrax(checkout: Path) -> ReleasedExecutor:
    """Return the executor of a checkout of openbmb/UltraX, which needs torch, pandas, pyarrow and transformers.

    Raises:
        CheckoutError: A file is missing, or cannot be imported.
    """
    inference = _load(checkout, ULTRAX_INFERENCE, "openbmb/UltraX")
    execution = _load(checkout, ULTRAX_EXECUTION, "openbmb/UltraX")

    def execute(text: str, programs: Sequence[ChunkProgram], policy: ExecutionPolicy) -> str | None:
        cleaned = execution.process_row(text, _ultrax_output(inference, text, programs))[1]
        return cleaned if cleaned or not text.strip() else None

    return execute


def _ultrax_output(inference: ModuleType, text: str, programs: Sequence[ChunkProgram]) -> str:
    """Return the column `model_output` that the inference script writes for a document with these answers."""
    if not text.strip():
        return ""
    failed = [place for place, item in enumerate(programs) if item.program is None]
    if len(failed) == len(programs):
        return "# all segments failed"
    lines = text.split("\n")
    windows = []
    for item in programs:
        before = "".join(f"{line}\n" for line in lines[: item.chunk.line_start])
        through = "\n".join(lines[: item.chunk.line_end + 1])
        if item.chunk.line_end + 1 < len(lines):
            through += "\n"
        first = inference.normalize_newlines(before).count("\n") + 1
        last = inference.normalize_newlines(through).count("\n") + (item.chunk.line_end + 1 == len(lines))
        windows.append(inference.WindowSegment("", first, last, first))
    try:
        answers = ["keep_all()" if item.program is None else str(item.program) for item in programs]
        calls = [inference.parse_function_list(inference.extract_prediction(answer)) for answer in answers]
        total = len(inference.normalize_newlines(text).split("\n"))
        merged, keeps, removes = inference.merge_window_functions(list(zip(windows, calls, strict=True)), total)
        output = "keep_all()" if keeps else "remove_all()" if removes else inference.functions_to_string(merged)
    except Exception as error:  # as the released loop does
        return f"# ERROR: {error}"
    return f"{output}\n# Failed segments: {failed}" if failed else output


def released_rescraper(checkout: Path) -> ReleasedExecutor:
    """Return the executor of a checkout of cxcscmu/ReScraper; each chunk is a page, as in reference mode.

    Raises:
        CheckoutError: A file is missing, or cannot be imported.
    """
    path = list(sys.path)
    try:
        reader = _load(checkout, RESCRAPER_READER, "cxcscmu/ReScraper")
    finally:
        sys.path[:] = path
    judge = _load(checkout, RESCRAPER_FILTER, "cxcscmu/ReScraper").judge

    def execute(text: str, programs: Sequence[ChunkProgram], policy: ExecutionPolicy) -> str | None:
        lines = text.split("\n")
        # The script sets these from environment variables.
        vars(reader).update(OPS_TOLERANT=policy.reference_edit_share < 1, OPS_TOLERANT_MIN=policy.reference_edit_share)
        pages = []
        for item in programs:
            if item.program is None:
                continue
            page = reader.E.number_lines("\n".join(lines[item.chunk.line_start : item.chunk.line_end + 1]))
            try:
                tag, left = reader.body_from_prediction_dfirst(page, str(item.program))
            except Exception:  # noqa: S112 (as the released loop does)
                continue
            if tag != "<delete>" and left.strip() and not judge(left, tag):
                pages.append(left)
        return "\n".join(pages) if pages else None

    return execute


def _load(checkout: Path, file: str, repository: str) -> ModuleType:
    if not (checkout / file).exists():
        raise CheckoutError(f"{checkout} has no {file}: pass a checkout of github.com/{repository}")
    try:
        with redirect_stderr(io.StringIO()):
            return load_module(checkout / file, f"released_{(checkout / file).stem}")
    except Exception as error:  # a changed script may raise anything on import
        raise CheckoutError(f"{checkout / file} cannot be imported: {error!r}") from error
