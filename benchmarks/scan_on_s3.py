"""Memory, requests and bytes that `Lake.scan` needs on S3: `python -m benchmarks.scan_on_s3`.

Writes a table of documents to a real S3 server on loopback, and reads it through a proxy that counts requests and
bytes. Each query runs in its own process, whose peak memory the kernel reports. The first one queries nothing: it shows
what interpreter and libraries take. Fails if a query of one column takes more than RESIDENT_MEBIBYTES, or more than
BYTES_SHARE of the table's bytes.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import boto3
import polars as pl

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.peak import peak_bytes
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.testing.servers.object_store import S3_CREDENTIALS, CountingProxy, counting_proxy, running_s3_server

SHARDS = 200
MEGABYTES = 5
RESIDENT_MEBIBYTES = 300
BYTES_SHARE = 0.1
MEBIBYTE = 1 << 20
BUCKET = "lakes"
CORPUS = "pages"
TEXT_CHARACTERS = 20_000


@dataclass(frozen=True)
class Query:
    """A query of the table.

    Attributes:
        run: Runs it on a lake.
        limited: Whether the limits apply: it reads one column only.
    """

    run: Callable[[Lake], object]
    limited: bool = True


def _documents(lake: Lake) -> pl.LazyFrame:
    return lake.scan(CORPUS, Table.DOCUMENTS)


QUERIES = {
    "nothing": Query(lambda lake: lake),
    "url, head": Query(lambda lake: _documents(lake).select("url").head().collect()),
    "url, all of it": Query(lambda lake: _documents(lake).select("url").collect()),
    "number of rows": Query(lambda lake: _documents(lake).select(pl.len()).collect()),
    "text of one url": Query(
        lambda lake: _documents(lake).filter(pl.col("url") == _url(1, 7)).select("text").collect()
    ),
    "length of all text, streamed": Query(
        lambda lake: _documents(lake).select(pl.col("text").str.len_bytes().sum()).collect(engine="streaming"), False
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the queries and print the table; return 1 if one exceeds a limit."""
    parser = command_parser("scan_on_s3", __doc__, pages=False)
    parser.add_argument("--shards", type=positive, default=SHARDS, help="shards of the table (200)")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help="MiB per shard (5)")
    parser.add_argument("--ask", nargs=2, metavar=("QUERY", "ENDPOINT"), help="run one query in this process")
    options = parser.parse_args(arguments)
    if options.ask:
        name, endpoint = options.ask
        QUERIES[name].run(_lake(endpoint))
        print(json.dumps({"peak_bytes": peak_bytes()}))
        return 0
    os.environ.update(S3_CREDENTIALS)
    with running_s3_server() as endpoint, counting_proxy(endpoint) as proxy:
        size = write_table(endpoint, options.shards, int(options.megabytes * MEBIBYTE))
        print(f"{options.shards} shards of {options.megabytes:g} MiB, {size / MEBIBYTE:.0f} MiB on the store\n")
        print("| query | requests | MiB fetched | share | peak resident, MiB | s |\n|---|---|---|---|---|---|")
        failed = [words for name in QUERIES if (words := _measure(name, proxy, size)) is not None]
    print("\n".join(["", *failed]) if failed else "\nall within the limits")
    return 1 if failed else 0


def write_table(endpoint: str, shards: int, shard_bytes: int) -> int:
    """Write a corpus's documents to the store; return their size in bytes.

    All shards are copies of one file, except the last, which is of another site. Readers cannot tell: a shard is named
    by its path, which nothing compares with the rows.
    """
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket=BUCKET)
    size = 0
    with tempfile.TemporaryDirectory(prefix="prox-scan-") as folder:
        local = Lake(folder)
        files = [_shard_file(local, site, shard_bytes) for site in (0, 1)]
        for number in range(shards):
            data = files[number == shards - 1]
            key = local.table_path(CORPUS, Table.DOCUMENTS, f"{number:05d}")
            client.put_object(Bucket=BUCKET, Key=f"lake/{key}", Body=data)
            size += len(data)
    return size


def _shard_file(local: Lake, site: int, shard_bytes: int) -> bytes:
    rng = random.Random(site)
    with local.write(CORPUS, str(site), [Table.DOCUMENTS], FileStamp("f", "i", "run", "1")) as [writer]:
        # Random hex digits compress to half their length.
        for number in range(2 * shard_bytes // TEXT_CHARACTERS):
            text = rng.randbytes(TEXT_CHARACTERS // 2).hex()
            row = {"doc_id": f"{site}{number:063x}", "text": text, "text_hash": text[:16], "url": _url(site, number)}
            writer.write({**row, "source_file": "pages.parquet", "source_row": number, "metadata": "{}"})
    return Path(local.uri(CORPUS, Table.DOCUMENTS, str(site))).read_bytes()


def _url(site: int, number: int) -> str:
    return f"https://site{site}.example/page/{number}"


def _lake(endpoint: str) -> Lake:
    return Lake(f"s3://{BUCKET}/lake", {"client_kwargs": {"endpoint_url": endpoint}})


def _measure(name: str, proxy: CountingProxy, size: int) -> str | None:
    """Run a query in a subprocess and print its cost; return how it exceeds the limits, or None."""
    proxy.reset()
    begin = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.scan_on_s3", "--ask", name, proxy.url]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.monotonic() - begin
    resident, share = json.loads(output)["peak_bytes"] / MEBIBYTE, proxy.bytes_sent / size
    print(
        f"| {name} | {proxy.requests} | {proxy.bytes_sent / MEBIBYTE:.1f} | {share:.1%} | {resident:.0f} "
        f"| {seconds:.1f} |",
        flush=True,
    )
    if QUERIES[name].limited and (resident > RESIDENT_MEBIBYTES or share > BYTES_SHARE):
        return f"{name}: {resident:.0f} MiB resident, {share:.1%} of the bytes"
    return None


if __name__ == "__main__":
    sys.exit(main())
