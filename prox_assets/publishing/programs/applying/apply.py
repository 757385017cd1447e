"""Applying a programs data set to the original corpus: what `prox apply` runs, without a lake and without a model."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import count

from prox_assets import __version__
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.applying.applied import Applied
from prox_assets.publishing.programs.applying.moved import Leftovers, leftovers
from prox_assets.publishing.programs.applying.moved_apply import MOVED_FILE, HashTask, MovedTask
from prox_assets.publishing.programs.applying.originals import Originals
from prox_assets.publishing.programs.applying.shard_apply import ShardTask, tasks_of
from prox_assets.publishing.programs.applying.workers import T, done
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import ProgramsManifest
from prox_assets.stages.run import Progress, silent
from prox_assets.stages.running.pipeline import EXPECTED_ERRORS

REFUSALS = "refusals.jsonl"
SUMMARY = "applied.json"


def apply_programs(
    programs: Storage,
    manifest: ProgramsManifest,
    source: CorpusSource,
    out: Storage,
    *,
    workers: int = 1,
    progress: Progress = silent,
) -> Applied:
    """Apply programs to the original corpus; write one Parquet file of refined documents per shard, below `{corpus}/`.

    A document is found by its place and the hash of its text, or by the hash alone where rows have moved; those go to
    files of their own, one per original file, and such files of an earlier application are removed. Every refined text
    must have the hash that the programs name. What is refused is written to REFUSALS, and the totals to SUMMARY.
    Finished shards are kept by the next run.

    Args:
        programs: The folder with the programs.
        manifest: What it says about a corpus.
        source: Where the originals are, and how they are read.
        out: Where the results go.
        workers: Number of processes.
        progress: Called with (shards done, all shards).

    Raises:
        CorpusError: There are no original files.
        LakeError: A folder cannot be read or written.
    """
    originals = Originals(source)
    applied = Applied()
    tasks: list[ShardTask] = []
    for task in tasks_of(programs, manifest, originals, out):
        if isinstance(task, ProgramsError):
            applied.problems.append(str(task))
        else:
            tasks.append(task)
    finished = _all_of(tasks, workers, applied, progress)
    with leftovers() as left:
        left.add(out, [task.unmatched for task in finished], [task.unused for task in finished])
        moved: set[str] = set()
        if left.programs:
            moved = _apply_moved(left, manifest, originals, tasks, out, workers, applied)
        else:
            left.match()
        # Others are of an earlier application, in which these documents were elsewhere.
        for name in out.list_files(manifest.corpus):
            path = f"{manifest.corpus}/{name}"
            if MOVED_FILE.fullmatch(name) and path not in moved:
                out.remove(path)
        _write_refusals(left, out, f"{manifest.corpus}/{REFUSALS}", applied)
    summary = {"corpus": manifest.corpus, "prox_assets": __version__, **asdict(applied)}
    out.write_bytes(f"{manifest.corpus}/{SUMMARY}", json.dumps(summary, indent=1, ensure_ascii=False).encode())
    return applied


def _all_of(tasks: Sequence[T], workers: int, applied: Applied, progress: Progress = silent) -> list[T]:
    """Do tasks and add up what they came to; return those without an error."""
    finished: list[T] = []
    number = count(1)
    with closing(done(tasks, workers)) as results:
        for task, came_to in results:
            progress(next(number), len(tasks))
            if isinstance(came_to, Applied):
                applied.add(came_to)
                finished.append(task)
            elif isinstance(came_to, EXPECTED_ERRORS):
                applied.problems.append(f"{task}: {came_to}")
            else:
                raise came_to
    return finished


def _apply_moved(
    left: Leftovers,
    manifest: ProgramsManifest,
    originals: Originals,
    tasks: Sequence[ShardTask],
    out: Storage,
    workers: int,
    applied: Applied,
) -> set[str]:
    """Look for the documents of programs in all files that were given; return the paths of the results."""
    named = {file.source_file for task in tasks for file in task.files.values()}
    others = [HashTask(originals.source, file, out) for name, file in originals.files.items() if name not in named]
    left.add(out, [task.unmatched for task in _all_of(others, workers, applied)])
    left.match()
    rest = manifest.model_copy(update={"shards": ()})
    moved = [
        MovedTask(rest, originals.source, originals.files[name], out, contents) for name, contents in left.moved_to()
    ]
    for task in moved:
        if task.done() is None:
            task.prepare(left.in_file(task.file.source_file))
    return {task.result for task in _all_of(moved, workers, applied)}


def _write_refusals(left: Leftovers, out: Storage, path: str, applied: Applied) -> None:
    """Write a line for every refused document and every document without a program; count them.

    Programs whose file was not given are only counted: there may be as many as in the whole corpus.
    """
    counts = {"changed": 0, "missing": 0, "not_given": 0, "without_program": 0}
    with out.new_files([path]) as [unfinished], unfinished.open("w", encoding="utf-8") as file:
        for refusal in left.refusals():
            counts[refusal.problem] += 1
            if refusal.problem != "not_given":
                file.write(json.dumps(asdict(refusal), ensure_ascii=False) + "\n")
    for problem, number in counts.items():
        setattr(applied, problem, number)
