"""Compare the demo on a local lake with the demo on `s3://`, row by row: `python -m benchmarks.s3_demo`.

Runs `prox_assets.cli.demo` twice, configured like a deployment (PROX_LAKE, DAGSTER_HOME), the second time against a
real S3 server on loopback. Then compares every row of every table, and the output of `prox` commands on both lakes.
"""

import json
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
from prox_assets.lake.schemas import Table
from prox_assets.testing.comparable_rows import OF_THE_RUN, PROBABILITY_TOLERANCE, alike, compare_lakes
from prox_assets.testing.servers.object_store import S3_CREDENTIALS, running_s3_server

CORPUS = "sample"
BUCKET = "lakes"
NOT_COMPARED = OF_THE_RUN | {"created_at", "updated_at", "written_at"}
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


def compare(local: Lake, remote: Lake) -> dict[Table, int]:
    """Check that both lakes hold the same rows; return the number of rows per table.

    Raises:
        LakesDifferError: They do not.
    """
    compared = compare_lakes(remote, local, CORPUS, tolerance=PROBABILITY_TOLERANCE)
    if compared.differences:
        raise LakesDifferError("\n".join(compared.differences))
    if not all(compared.rows[table] for table in (Table.DOCUMENTS, Table.REFINED, Table.OUTCOMES, Table.EDITS)):
        raise LakesDifferError(f"the demo left a table empty: {compared.rows}")
    return compared.rows


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
        if not alike(here, there, PROBABILITY_TOLERANCE):
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


def _first_edited(lake: Lake) -> str:
    for shard in lake.shards(CORPUS, Table.EDITS):
        for row in lake.rows(CORPUS, Table.EDITS, shard):
            if row["status"] == "applied":
                return row["doc_id"]
    raise LakesDifferError("the demo edited nothing")


if __name__ == "__main__":
    sys.exit(main())
