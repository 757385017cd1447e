"""Stands in for the listing of an S3 bucket with as many objects as one likes, and nothing else of S3.

moto, a whole S3 server, sorts the bucket for every page: a million objects would take it hours. Here a page costs
about as much as writing its XML.

    python -m prox_assets.testing.servers.listing_server 1000000
"""

import sys
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, product
from typing import cast
from urllib.parse import parse_qs, urlsplit

BUCKET = "crawl"
_AFTER_EVERY_KEY = "\U0010ffff"


def crawl_keys(count: int) -> list[str]:
    """Return keys like those of RedPajama-V2, sorted: snapshot, bucket of sites, and four files in each."""
    names = ("de_head", "de_middle", "en_head", "en_middle")
    snapshots, folders = range(2014, 2200), range(5_000)
    places = (
        f"documents/{year}/{folder:04d}/{name}.json.gz" for year, folder, name in product(snapshots, folders, names)
    )
    return list(islice(places, count))


class ListingServer(ThreadingHTTPServer):
    """Serves listings of a bucket on a free port of 127.0.0.1.

    Attributes:
        keys: Keys of the bucket's objects, sorted; may be replaced while it runs.
        requests: Listings that were answered.
    """

    daemon_threads = True

    def __init__(self, keys: Sequence[str], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Listing)
        self.keys = keys
        self.requests = 0

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Listing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer that the bucket is there, and that a folder is no object."""
        self._send(200 if urlsplit(self.path).path.strip("/") == BUCKET else 404, b"")

    def do_GET(self) -> None:
        """Answer one page of ListObjectsV2."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if "list-type" not in query:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        server = cast("ListingServer", self.server)
        server.requests += 1
        page = _page(
            server.keys,
            query.get("prefix", ""),
            query.get("delimiter", ""),
            int(query.get("max-keys", 1000)),
            query.get("continuation-token", ""),
        )
        self._send(200, page.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _page(keys: Sequence[str], prefix: str, delimiter: str, size: int, token: str) -> str:
    place = bisect_left(keys, token or prefix)
    contents: list[str] = []
    prefixes: list[str] = []
    while place < len(keys) and len(contents) + len(prefixes) < size and keys[place].startswith(prefix):
        key = keys[place]
        folder, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            prefixes.append(f"<CommonPrefixes><Prefix>{prefix}{folder}{delimiter}</Prefix></CommonPrefixes>")
            place = bisect_left(keys, f"{prefix}{folder}{delimiter}{_AFTER_EVERY_KEY}")
            continue
        contents.append(
            f"<Contents><Key>{key}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
            f'<ETag>"{place:032x}"</ETag><Size>{1_000_000 + place % 1000}</Size><StorageClass>STANDARD</StorageClass>'
            "</Contents>"
        )
        place += 1
    more = place < len(keys) and keys[place].startswith(prefix)
    following = f"<NextContinuationToken>{keys[place]}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix>{prefix}</Prefix><KeyCount>{len(contents) + len(prefixes)}</KeyCount>"
        f"<MaxKeys>{size}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{following}"
        f"{''.join(contents)}{''.join(prefixes)}</ListBucketResult>"
    )


@contextmanager
def listing_server(keys: Sequence[str]) -> Iterator[ListingServer]:
    """Serve until the block ends."""
    with ListingServer(keys) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    with ListingServer(crawl_keys(int(sys.argv[1])), int(sys.argv[2]) if len(sys.argv) > 2 else 0) as started:
        print(started.url, flush=True)
        started.serve_forever()
