"""The demo on a local lake and on `s3://`, row by row: `python -m benchmarks.s3_demo`.

Runs `prox_assets.cli.demo` twice with real Dagster processes' settings (PROX_LAKE, DAGSTER_HOME), the second
time against a real S3 server on loopback, then compares every row of every table, and what `prox` says of both lakes.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from benchmarks.support.commands import CommandFailedError, run
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.testing.object_store import running_s3_server

CORPUS = "sample"
BUCKET = "lakes"
# What says which run wrote a row and how long it took; everything else is a result.
OF_THE_RUN = {
    *("run_id", "execution_id", "measured_at", "doc_engine_seconds", "chunk_engine_seconds"),
    *("prompt_tokens_per_second", "created_at", "updated_at", "written_at"),
}
# Which requests share a batch depends on when they arrive, and a float32 sum on what it shares a batch with: measured
# differences are below 1e-6. No other column may differ at all.
PROBABILITY_TOLERANCE = 1e-5
PROX = (sys.executable, "-c", "from prox_assets.cli import main; main()")
QUERY = "SELECT outcome, count(*) AS documents, sum(characters_after) AS characters FROM outcomes GROUP BY 1 ORDER BY 1"


class LakesDifferError(RuntimeError):
    """The two lakes do not hold the same rows, or `prox` says different things of them."""


def main() -> int:
    """Run; return 1 if the lakes differ or a command failed."""
    with tempfile.TemporaryDirectory(prefix="prox-s3-demo-") as folder, running_s3_server() as endpoint:
        work = Path(folder)
        places = {"local": str(work / "lake"), "s3": f"s3://{BUCKET}/demo"}
        with _credentials(endpoint):
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            try:
                for name, lake in places.items():
                    cost = run(
                        [sys.executable, "-m", "prox_assets.cli.demo"],
                        {"PROX_LAKE": lake, "DAGSTER_HOME": str(work / f"home-{name}"), "COLUMNS": "120"},
                    )
                    print(f"demo on {lake}: {cost.cpu_seconds:.0f} s of processor time", flush=True)
                local, remote = (Lake(lake) for lake in places.values())
                for table, rows in compare(local, remote).items():
                    print(f"| {table} | {rows:,} rows, the same |")
                for said in compare_commands(places["local"], places["s3"], _first_edited(local)):
                    print(f"| {said} | the same |")
                left = remote.storage.list_folders("")
                print(f"| left in the bucket beside the corpus | {', '.join(set(left) - {CORPUS}) or 'nothing'} |")
            except (CommandFailedError, LakesDifferError) as error:
                print(error, file=sys.stderr)
                return 1
    return 0


def compare(local: Lake, remote: Lake) -> dict[str, int]:
    """Return the number of rows of each table, which are the same in both lakes.

    Raises:
        LakesDifferError: They are not.
    """
    counts: dict[str, int] = {}
    for table in SCHEMAS:
        shards = local.shards(CORPUS, table)
        if shards != remote.shards(CORPUS, table):
            raise LakesDifferError(f"{table}: shards {shards} against {remote.shards(CORPUS, table)}")
        for shard in shards:
            here, there = ([_result(row) for row in lake.rows(CORPUS, table, shard)] for lake in (local, remote))
            if not _alike(here, there):
                differing = [pair for pair in zip(here, there, strict=False) if not _alike(*pair)]
                raise LakesDifferError(f"{table} of {shard}: {len(here)} rows, {len(there)} rows; {differing[:1]}")
            counts[table] = counts.get(table, 0) + len(here)
    if not all(counts.get(table) for table in (Table.DOCUMENTS, Table.REFINED, Table.OUTCOMES, Table.EDITS)):
        raise LakesDifferError(f"the demo wrote nothing into a table: {counts}")
    return counts


def compare_commands(local: str, remote: str, doc_id: str) -> Iterator[str]:
    """Yield the commands of which both lakes' output is the same.

    Raises:
        LakesDifferError: It differs.
    """
    for command in (
        ("sql", QUERY, "--format", "json"),
        ("stats", "totals", "--format", "json"),
        ("trace", doc_id, "--json"),
        ("replay", "--json"),
        ("catalog", "compact"),
    ):
        here, there = (_said(command, lake) for lake in (local, remote))
        if not _alike(here, there):
            raise LakesDifferError(f"prox {' '.join(command)}:\n{here}\nagainst\n{there}")
        yield f"prox {command[0]} {command[1] if command[0] in ('stats', 'catalog') else ''}".strip()


def _said(command: tuple[str, ...], lake: str) -> Any:  # noqa: ANN401 - whatever JSON it is
    done = subprocess.run([*PROX, *command, "--lake", lake], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailedError(f"prox {' '.join(command)} on {lake}: {done.stderr}")
    return _result(json.loads(done.stdout)) if "json" in " ".join(command) else done.stdout


def _result(value: Any) -> Any:  # noqa: ANN401
    """Return a row, or a record of a document, without what is of the run and not of its result."""
    if isinstance(value, dict):
        return {name: _result(item) for name, item in value.items() if name not in OF_THE_RUN}
    return [_result(item) for item in value] if isinstance(value, list) else value


def _alike(here: Any, there: Any) -> bool:  # noqa: ANN401
    """Tell whether two results are the same, probabilities to PROBABILITY_TOLERANCE and everything else exactly."""
    if isinstance(here, float) and isinstance(there, float):
        return math.isclose(here, there, rel_tol=0, abs_tol=PROBABILITY_TOLERANCE)
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(_alike(item, there[name]) for name, item in here.items())
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(map(_alike, here, there))
    return here == there


def _first_edited(lake: Lake) -> str:
    for shard in lake.shards(CORPUS, Table.EDITS):
        for row in lake.rows(CORPUS, Table.EDITS, shard):
            if row["status"] == "applied":
                return row["doc_id"]
    raise LakesDifferError("the demo edited nothing")


@contextmanager
def _credentials(endpoint: str) -> Iterator[None]:
    """Put what every S3 client reads into the environment, as a deployment does, for as long as the block runs."""
    names = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = dict(os.environ)
    os.environ.update(names)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main())
