"""What `Lake.scan` takes of memory and of a store's bytes: `python -m benchmarks.scan_on_s3`.

A table of documents is written to a real S3 server on loopback, and read through a proxy that counts requests and
bytes. Each question is asked in a process of its own, whose peak the system has counted; the first one asks nothing and
says what interpreter and libraries take. Fails where a question about one column takes more than RESIDENT_MEBIBYTES, or
more than BYTES_SHARE of the table's bytes.
"""

import argparse
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

from benchmarks.support.peak import peak_bytes
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.testing.object_store import CountingProxy, counting_proxy, running_s3_server

SHARDS = 200
MEGABYTES = 5
RESIDENT_MEBIBYTES = 300
BYTES_SHARE = 0.1
MEBIBYTE = 1 << 20
BUCKET = "lakes"
CORPUS = "pages"
TEXT_CHARACTERS = 20_000
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Question:
    """A question about the table.

    Attributes:
        ask: Asks it.
        of_one_column: Whether the limits hold for it.
    """

    ask: Callable[[Lake], object]
    of_one_column: bool = True


def _documents(lake: Lake) -> pl.LazyFrame:
    return lake.scan(CORPUS, Table.DOCUMENTS)


QUESTIONS = {
    "nothing": Question(lambda lake: lake),
    "url, head": Question(lambda lake: _documents(lake).select("url").head().collect()),
    "url, all of it": Question(lambda lake: _documents(lake).select("url").collect()),
    "number of rows": Question(lambda lake: _documents(lake).select(pl.len()).collect()),
    "text of one url": Question(
        lambda lake: _documents(lake).filter(pl.col("url") == _url(1, 7)).select("text").collect()
    ),
    "length of all text, streamed": Question(
        lambda lake: _documents(lake).select(pl.col("text").str.len_bytes().sum()).collect(engine="streaming"), False
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table; return 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scan_on_s3",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help="Of each shard.")
    parser.add_argument("--ask", nargs=2, metavar=("QUESTION", "ENDPOINT"), help="Ask one question, in this process.")
    options = parser.parse_args(arguments)
    if options.ask:
        question, endpoint = options.ask
        QUESTIONS[question].ask(_lake(endpoint))
        print(json.dumps({"peak_bytes": peak_bytes()}))
        return 0
    os.environ.update(CREDENTIALS)
    with running_s3_server() as endpoint, counting_proxy(endpoint) as proxy:
        size = write_table(endpoint, options.shards, int(options.megabytes * MEBIBYTE))
        print(f"{options.shards} shards of {options.megabytes:g} MiB, {size / MEBIBYTE:.0f} MiB on the store\n")
        print("| question | requests | MiB fetched | share | peak resident, MiB | s |\n|---|---|---|---|---|---|")
        failed = [words for name in QUESTIONS if (words := _measure(name, proxy, size)) is not None]
    print("\n".join(["", *failed]) if failed else "\nevery limit holds")
    return 1 if failed else 0


def write_table(endpoint: str, shards: int, shard_bytes: int) -> int:
    """Write the documents of a corpus; return the bytes of its files.

    The last shard is of another site than the others, which are copies of one file. No reader can tell: a shard has its
    name from its path, and nobody compares that with the rows.
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
    draw = random.Random(site)
    with local.write(CORPUS, str(site), [Table.DOCUMENTS], FileStamp("f", "i", "run", "1")) as [writer]:
        # Hexadecimal digits of chance become half as many bytes.
        for number in range(2 * shard_bytes // TEXT_CHARACTERS):
            text = draw.randbytes(TEXT_CHARACTERS // 2).hex()
            row = {"doc_id": f"{site}{number:063x}", "text": text, "text_hash": text[:16], "url": _url(site, number)}
            writer.write({**row, "source_file": "pages.parquet", "source_row": number, "metadata": "{}"})
    return Path(local.uri(CORPUS, Table.DOCUMENTS, str(site))).read_bytes()


def _url(site: int, number: int) -> str:
    return f"https://site{site}.example/page/{number}"


def _lake(endpoint: str) -> Lake:
    return Lake(f"s3://{BUCKET}/lake", {"client_kwargs": {"endpoint_url": endpoint}})


def _measure(name: str, proxy: CountingProxy, size: int) -> str | None:
    """Ask a question in a process of its own, print what it took; return what is wrong with that."""
    proxy.reset()
    begin = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.scan_on_s3", "--ask", name, proxy.url]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.monotonic() - begin
    resident, share = json.loads(said)["peak_bytes"] / MEBIBYTE, proxy.bytes_sent / size
    print(
        f"| {name} | {proxy.requests} | {proxy.bytes_sent / MEBIBYTE:.1f} | {share:.1%} | {resident:.0f} "
        f"| {seconds:.1f} |",
        flush=True,
    )
    if QUESTIONS[name].of_one_column and (resident > RESIDENT_MEBIBYTES or share > BYTES_SHARE):
        return f"{name}: {resident:.0f} MiB resident, {share:.1%} of the bytes"
    return None


if __name__ == "__main__":
    sys.exit(main())
