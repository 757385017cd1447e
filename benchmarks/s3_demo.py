"""Compare the demo on a local lake with the demo on `s3://`, row by row: `python -m benchmarks.s3_demo`.

Runs `prox_assets.cli.demo` twice, configured like a deployment (PROX_LAKE, DAGSTER_HOME), the second time against a
real S3 server on loopback. Then compares every row of every table, and the output of `prox` commands on both lakes.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from benchmarks.support.arguments import command_parser
from benchmarks.support.commands import PROX, CommandFailedError, run
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.testing.comparable_rows import OF_THE_RUN
from prox_assets.testing.object_store import S3_CREDENTIALS, running_s3_server

CORPUS = "sample"
BUCKET = "lakes"
NOT_COMPARED = OF_THE_RUN | {"prompt_tokens_per_second", "created_at", "updated_at", "written_at"}
# Batches form by arrival time, and float32 sums depend on the batch: measured differences stay below 1e-6. Every other
# column must be identical.
PROBABILITY_TOLERANCE = 1e-5
QUERY = "SELECT outcome, count(*) AS documents, sum(characters_after) AS characters FROM outcomes GROUP BY 1 ORDER BY 1"


class LakesDifferError(RuntimeError):
    """The lakes do not hold the same rows, or `prox` prints different things about them."""


def main() -> int:
    """Run the demo twice and compare; return 1 if the lakes differ or a command failed."""
    command_parser("s3_demo", __doc__, pages=False).parse_args()
    with tempfile.TemporaryDirectory(prefix="prox-s3-demo-") as folder, running_s3_server() as endpoint:
        work = Path(folder)
        places = {"local": str(work / "lake"), "s3": f"s3://{BUCKET}/demo"}
        os.environ.update(S3_CREDENTIALS, AWS_ENDPOINT_URL=endpoint)
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        try:
            for name, lake in places.items():
                cost = run(
                    [sys.executable, "-m", "prox_assets.cli.demo"],
                    {"PROX_LAKE": lake, "DAGSTER_HOME": str(work / f"home-{name}"), "COLUMNS": "120"},
                )
                print(f"demo on {lake}: {cost.cpu_seconds:.0f} CPU seconds", flush=True)
            local, remote = (Lake(lake) for lake in places.values())
            for table, rows in compare(local, remote).items():
                print(f"| {table} | {rows:,} rows, the same |")
            for command in compare_commands(places["local"], places["s3"], _first_edited(local)):
                print(f"| {command} | the same |")
            left = remote.storage.list_folders("")
            print(f"| left in the bucket besides the corpus | {', '.join(set(left) - {CORPUS}) or 'nothing'} |")
        except (CommandFailedError, LakesDifferError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def compare(local: Lake, remote: Lake) -> dict[str, int]:
    """Check that both lakes hold the same rows; return the number of rows per table.

    Raises:
        LakesDifferError: They do not.
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
        raise LakesDifferError(f"the demo left a table empty: {counts}")
    return counts


def compare_commands(local: str, remote: str, doc_id: str) -> Iterator[str]:
    """Yield each command once its output is found to be the same for both lakes.

    Raises:
        LakesDifferError: A command's output differs.
    """
    for lake in (local, remote):
        _output(("catalog", "compact"), lake)  # records a folder's times, which were too recent for the demo to record
    for command in (
        ("sql", QUERY, "--format", "json"),
        ("stats", "totals", "--format", "json"),
        ("trace", doc_id, "--json"),
        ("replay", "--json"),
        ("catalog", "compact"),
    ):
        here, there = (_output(command, lake) for lake in (local, remote))
        if not _alike(here, there):
            raise LakesDifferError(f"prox {' '.join(command)}:\n{here}\nagainst\n{there}")
        yield f"prox {command[0]} {command[1] if command[0] in ('stats', 'catalog') else ''}".strip()


def _output(command: tuple[str, ...], lake: str) -> Any:  # noqa: ANN401 - any JSON
    done = subprocess.run([*PROX, *command, "--lake", lake], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailedError(f"prox {' '.join(command)} on {lake}: {done.stderr}")
    return _result(json.loads(done.stdout)) if "json" in " ".join(command) else done.stdout


def _result(value: Any) -> Any:  # noqa: ANN401
    """Strip NOT_COMPARED from a row or record, at every depth."""
    if isinstance(value, dict):
        return {name: _result(item) for name, item in value.items() if name not in NOT_COMPARED}
    return [_result(item) for item in value] if isinstance(value, list) else value


def _alike(here: Any, there: Any) -> bool:  # noqa: ANN401
    """Return whether two results are equal: floats within PROBABILITY_TOLERANCE, everything else exactly."""
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


if __name__ == "__main__":
    sys.exit(main())
