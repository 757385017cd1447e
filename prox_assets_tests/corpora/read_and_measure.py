"""A process that reads a corpus and says what it took: `python -m ... FILE OPTIONS_AS_JSON`.

Its own process, because a peak is of a whole process: whatever ran in the test process before would hide it.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

MEBIBYTE = 1 << 20
_ROWS_KEY = "rows_at_most"


@dataclass(frozen=True)
class Reading:
    """What reading a file came to.

    Attributes:
        kinds: How many Documents and Rejects it gave.
        error: What it failed with, if it did.
        peak: Highest resident memory beyond what the process held before it read, in bytes.
    """

    kinds: dict[str, int]
    error: str | None
    peak: int


def measured(path: Path, rows_at_most: int | None = None, **options: Any) -> Reading:
    """Read a file of a corpus in a child process."""
    command = [sys.executable, "-m", __name__, str(path), json.dumps({**options, _ROWS_KEY: rows_at_most})]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=240)
    return Reading(**json.loads(done.stdout))


def _resident(name: str) -> int:
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) * 1024


def main() -> None:
    import pyarrow.parquet  # noqa: F401 - what importing takes is not counted

    from prox_assets.corpora.errors import CorpusError
    from prox_assets.corpora.shards import list_shards, read_shard
    from prox_assets.corpora.source import CorpusSource

    options = json.loads(sys.argv[2])
    limit = options.pop(_ROWS_KEY)
    source = CorpusSource(name="web", urls=[sys.argv[1]], **options)
    kinds: Counter[str] = Counter()
    error = None
    before = _resident("VmRSS")
    try:
        for shard in list_shards(source):
            kinds.update(type(item).__name__ for item in islice(read_shard(source, shard), limit))
    except CorpusError as failure:
        error = str(failure)
    print(json.dumps({"kinds": kinds, "error": error, "peak": _resident("VmHWM") - before}))


if __name__ == "__main__":
    main()
