"""How fast text becomes token files: `python -m benchmarks.tokens --pages FILE --tokenizer FOLDER`.

The same pages, tokenizer and cores go through `prox tokens`, through datatrove's DocumentTokenizer (which shuffles and
writes an index, too), and through the tokenizers library alone, which writes nothing: no writer can be faster than that
without another tokenizer. Each way runs in a process of its own; importing and starting workers is not timed for one
process, and is for several, on both sides.

With --memory, `prox tokens` writes one shard and one that is ten times as large, and the peaks are printed.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.pages import read_pages
from benchmarks.support.peak import peak_bytes
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.tokens.settings import TokenSettings

CORPUS = "pages"


def main() -> None:
    """Print a table of the ways, or of the peaks."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(_WAYS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = command_parser("tokens", __doc__)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with a tokenizer.json")
    parser.add_argument("--copies", type=positive, default=4, help="how often the pages are taken; 4 by default")
    parser.add_argument("--shards", type=positive, default=4, help="shards; 4 by default")
    parser.add_argument("--cores", type=positive, default=len(os.sched_getaffinity(0)), help="all by default")
    parser.add_argument("--runs", type=positive, default=3, help="how often each way is run; 3 by default")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tokens-") as folder:
        work = Path(folder)
        if options.memory:
            _memory(work, options.pages, options.tokenizer)
        else:
            _write_lake(work / "lake", options.pages, options.copies, options.shards)
            _speed(work, options.tokenizer, options.cores, options.runs)


def _speed(work: Path, tokenizer: Path, cores: int, runs: int) -> None:
    ways = [("library", 1), ("library", cores), ("ours", 1), ("ours", cores), ("datatrove", 1), ("datatrove", cores)]
    # One run of each, then the next of each: what else the machine does falls on all of them.
    found: dict[tuple[str, int], list[dict[str, float]]] = {way: [] for way in dict.fromkeys(ways)}
    for number in range(runs):
        for (way, used), results in found.items():
            target = work / f"{way}-{used}-{number}"
            results.append(_child(way, used, str(work / "lake"), str(tokenizer), str(target), str(used)))
    print("| way | cores | tokens | seconds | tokens/s | CPU seconds | tokens per CPU second | of datatrove | peak |")
    print("|---|---|---|---|---|---|---|---|---|")
    best = {way: min(results, key=lambda each: each["seconds"]) for way, results in found.items()}
    for (way, used), result in best.items():
        rate = result["tokens"] / result["seconds"]
        other = best["datatrove", used]
        share = rate / (other["tokens"] / other["seconds"])
        cells = [
            *(way, used, f"{result['tokens']:,.0f}", f"{result['seconds']:.1f}", f"{rate:,.0f}"),
            *(f"{result['cpu']:.1f}", f"{result['tokens'] / result['cpu']:,.0f}", f"{share:.2f}"),
            f"{result['peak'] / 2**20:,.0f} MiB",
        ]
        print(f"| {' | '.join(map(str, cells))} |")


def _memory(work: Path, pages: Path, tokenizer: Path) -> None:
    print("| documents | tokens | peak of tokenising |")
    print("|---|---|---|")
    for copies in (1, 10):
        lake = work / f"lake-{copies}"
        _write_lake(lake, pages, copies, 1)
        result = _child("ours", 1, str(lake), str(tokenizer), str(work / f"memory-{copies}"), "1")
        print(f"| {result['documents']:,.0f} | {result['tokens']:,.0f} | {result['peak'] / 2**20:,.0f} MiB |")


def _child(way: str, cores: int, *arguments: str) -> dict[str, float]:
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    threads = {"RAYON_NUM_THREADS": str(cores if way == "library" else 1), "TOKENIZERS_PARALLELISM": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tokens", "--child", way, *arguments],
        env={**os.environ, **threads, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"},
        capture_output=True,  # datatrove's log goes to stderr
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _timed(run: Callable[[], tuple[int, int]]) -> dict[str, float]:
    def cpu() -> float:
        used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(each.ru_utime + each.ru_stime for each in used)

    started, cpu_before = time.perf_counter(), cpu()
    documents, tokens = run()
    seconds = time.perf_counter() - started
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {
        "documents": documents,
        "tokens": tokens,
        "seconds": seconds,
        "cpu": cpu() - cpu_before,
        "peak": max(peak_bytes(), children),
    }


def _ours(lake: str, tokenizer: str, target: str, workers: str) -> dict[str, float]:
    from prox_assets.tokens.writing.workers import write_all
    from prox_assets.tokens.writing.write import write_manifest

    source = {"kind": "table", "corpora": [CORPUS], "table": "documents"}
    values = {"name": Path(target).name.replace("-", "_"), "source": source, "tokenizer": tokenizer, "to": target}
    settings = TokenSettings.model_validate(values)

    def run() -> tuple[int, int]:
        result = write_all(Lake(lake), settings, "benchmark", workers=int(workers), report=lambda *_: lambda *_: None)
        if result.errors:
            raise next(iter(result.errors.values()))
        manifest = write_manifest(Lake(lake), settings)
        return sum(shard.documents for shard in manifest.shards), manifest.tokens()

    return _timed(run)


def _datatrove(lake: str, tokenizer: str, target: str, workers: str) -> dict[str, float]:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    from prox_assets.tokens.tokenizer import open_tokenizer

    source = {"kind": "table", "corpora": [CORPUS]}
    settings = TokenSettings.model_validate({"name": "x", "source": source, "tokenizer": tokenizer})
    end = open_tokenizer(settings).notes.end_of_text
    folder = Path(lake) / CORPUS / "documents"
    shards = len(list(folder.glob("*.parquet")))
    steps = [
        ParquetReader(str(folder), text_key="text", id_key="doc_id"),
        DocumentTokenizer(target, f"{tokenizer}/tokenizer.json", eos_token=end, seed=0),
    ]
    executor = LocalPipelineExecutor(steps, tasks=shards, workers=int(workers), logging_dir=f"{target}-logs")

    def run() -> tuple[int, int]:
        executor.run()
        files = list(Path(target).glob("*.ds"))
        documents = sum(Path(f"{file}.index").stat().st_size // 8 for file in files)
        return documents, sum(file.stat().st_size for file in files) // 2

    return _timed(run)


def _library(lake: str, tokenizer: str, target: str, workers: str) -> dict[str, float]:
    del target, workers
    from prox_assets.proof.tokens.tokenizer import open_backend

    backend = open_backend(Path(tokenizer) / "tokenizer.json")
    texts = [row["text"] for shard in _shards(lake) for row in Lake(lake).rows(CORPUS, Table.DOCUMENTS, shard)]

    def run() -> tuple[int, int]:
        tokens = len(texts)
        for first in range(0, len(texts), 256):
            encodings = backend.encode_batch_fast(texts[first : first + 256], add_special_tokens=False)
            tokens += sum(map(len, encodings))
        return len(texts), tokens

    return _timed(run)


_WAYS: dict[str, Callable[..., dict[str, float]]] = {"ours": _ours, "datatrove": _datatrove, "library": _library}


def _shards(lake: str) -> list[str]:
    return Lake(lake).shards(CORPUS, Table.DOCUMENTS)


def _write_lake(folder: Path, pages: Path, copies: int, shards: int) -> None:
    raw = folder.with_name(f"{folder.name}-raw")
    raw.mkdir()
    files = [(raw / f"part-{number:02d}.jsonl").open("w", encoding="utf-8") for number in range(shards)]
    for number, line in enumerate(_lines(pages, copies)):
        files[number % shards].write(line)
    for file in files:
        file.close()
    plan = RefinementPlan(source=CorpusSource(name=CORPUS, urls=[str(raw / "*.jsonl")]), refiners=preset("rules"))
    lake = Lake(str(folder))
    for shard in discover_shards(lake, plan, "benchmark").shards:
        read_raw_shard(ShardRun(lake, plan, shard.key, "benchmark"))


def _lines(pages: Path, copies: int) -> Iterator[str]:
    for _ in range(copies):
        for page in read_pages(pages):
            if page.text:
                yield json.dumps({"text": page.text, "url": page.url or None}) + "\n"


if __name__ == "__main__":
    main()
