"""The addresses of the pages, in one place, for the server, the templates and the metadata of Dagster's assets.

Every function takes the address of the server as its last argument; without one, the link is relative to the server.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode


def home(server: str = "") -> str:
    """Return the address of the list of corpora."""
    return f"{server.rstrip('/')}/"


def corpus(name: str, server: str = "") -> str:
    """Return the address of a corpus and its shards."""
    return f"{server.rstrip('/')}/corpora/{_part(name)}"


def shard(corpus_name: str, key: str, server: str = "") -> str:
    """Return the address of a shard."""
    return f"{corpus(corpus_name, server)}/shards/{_part(key)}"


def report(corpus_name: str, server: str = "") -> str:
    """Return the address of a corpus's written report."""
    return f"{corpus(corpus_name, server)}/report"


def documents(corpus_name: str, query: Mapping[str, object] | None = None, server: str = "") -> str:
    """Return the address of a list of documents; the query holds its filters, without the empty ones."""
    return with_query(f"{corpus(corpus_name, server)}/documents", query)


def document(corpus_name: str, doc_id: str, shard_key: str | None = None, server: str = "") -> str:
    """Return the address of a document; the shard matters only where several hold it."""
    return with_query(f"{corpus(corpus_name, server)}/documents/{_part(doc_id)}", {"shard": shard_key})


def judge(corpus_name: str, doc_id: str) -> str:
    """Return the address to which a judgement on a document is posted."""
    return f"{document(corpus_name, doc_id)}/judgements"


def judgements(corpus_name: str, server: str = "") -> str:
    """Return the address of the list of judgements."""
    return f"{corpus(corpus_name, server)}/judgements"


def new_sample(corpus_name: str, query: Mapping[str, object] | None = None, server: str = "") -> str:
    """Return the address that draws a sample and leads to its first document."""
    return with_query(f"{corpus(corpus_name, server)}/sample", query)


def sample(corpus_name: str, seed: str, number: int, query: Mapping[str, object] | None = None) -> str:
    """Return the address of a document of a sample, counted from 1."""
    return with_query(f"{corpus(corpus_name)}/samples/{_part(seed)}/{number}", query)


def comparison(first: str, second: str, query: Mapping[str, object] | None = None, server: str = "") -> str:
    """Return the address of the documents on which two corpora differ."""
    return with_query(f"{server.rstrip('/')}/comparisons/{_part(first)}/{_part(second)}", query)


def refiners(name: str, server: str = "") -> str:
    """Return the address of a written comparison of refiners."""
    return f"{server.rstrip('/')}/comparisons/{_part(name)}"


def side_by_side(corpora: Sequence[str], doc_id: str, server: str = "") -> str:
    """Return the address of one document as several corpora have refined it; the id is that of the first."""
    return f"{server.rstrip('/')}/compare/{','.join(map(_part, corpora))}/documents/{_part(doc_id)}"


def with_query(address: str, query: Mapping[str, object] | None) -> str:
    """Return an address with a query string; values that are None or empty are left out."""
    given = {name: value for name, value in (query or {}).items() if value not in (None, "", ())}
    return f"{address}?{urlencode(given, doseq=True)}" if given else address


def dagster_run(run_id: str | None, dagster: str | None) -> str | None:
    """Return the address of a run in Dagster's UI; None for runs of `prox refine` and where there is no UI."""
    if not dagster or not run_id or run_id.startswith("prox-refine-"):
        return None
    return f"{dagster.rstrip('/')}/runs/{_part(run_id)}"


def dagster_partition(corpus_name: str, asset: str, key: str, dagster: str | None) -> str | None:
    """Return the address of an asset's partition in Dagster's UI; None where there is no UI."""
    if not dagster:
        return None
    return with_query(
        f"{dagster.rstrip('/')}/assets/{_part(corpus_name)}/{_part(asset)}", {"view": "partitions", "partition": key}
    )


def _part(name: str) -> str:
    return quote(name, safe="")
