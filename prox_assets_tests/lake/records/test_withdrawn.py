"""Which documents a withdrawal covers, and that withdrawals are read once."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawal, Withdrawn, WithdrawnBy, remember, withdrawn
from prox_assets.lake.storage.storage import Storage

HOSTS = ["example.org", "EXAMPLE.org.", "www.example.org", "straße.de", "strasse.de", "xn--mnchen-3ya.de", "MÜNCHEN.de"]
HOSTS += ["example。org", "exam\tple.org", "user@example.org:80", "example.orgs", "[::1", ""]
ADDRESSES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["https://", "http://", "//", "", " ", "HTTPS://"]),
        st.sampled_from(HOSTS),
        st.sampled_from(["", "/", "/a", "/a/", "/ü"]),
        st.sampled_from(["", "?p=123", "#top", "?"]),
    ),
)
REQUESTS = st.one_of(
    st.builds(Withdrawal, st.just(WithdrawnBy.URL), ADDRESSES, st.just("")),
    st.builds(Withdrawal, st.just(WithdrawnBy.DOMAIN), st.sampled_from(HOSTS), st.just("")),
    st.builds(Withdrawal, st.sampled_from([WithdrawnBy.DOC_ID, WithdrawnBy.TEXT_HASH]), st.just("1"), st.just("")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(REQUESTS, max_size=3), st.lists(st.none() | ADDRESSES, min_size=1, max_size=30))
def test_a_table_is_asked_as_each_of_its_documents_is(requests: list[Withdrawal], urls: list[str | None]) -> None:
    asked = Withdrawn(requests)
    schema = {"doc_id": pl.String, "url": pl.String, "text_hash": pl.String}
    rows = [{"doc_id": str(row % 9), "url": url, "text_hash": str(row % 7)} for row, url in enumerate(urls)]
    expected = [(row, by) for row in rows if (by := asked.of(**row)) is not None]
    assert list(asked.among(pl.DataFrame(rows, schema))) == expected


@pytest.mark.parametrize(
    ("by", "value", "url"),
    [
        (WithdrawnBy.URL, "http://example.org?p=123", "https://example.org/?p=123"),
        (WithdrawnBy.URL, "https://STRASSE.de/a/", "https://straße.de/a"),
        (WithdrawnBy.DOMAIN, "example.org", "https://example。org/a"),
        (WithdrawnBy.DOMAIN, "straße.de", "https://www.straße.de/"),
    ],
)
def test_an_address_is_found_however_it_is_spelled(by: WithdrawnBy, value: str, url: str) -> None:
    documents = pl.DataFrame({"doc_id": ["1"], "url": [url], "text_hash": ["2"]})
    assert len(list(Withdrawn([Withdrawal(by, value, "")]).among(documents))) == 1


def test_a_withdrawal_is_read_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(lake, Withdrawal(WithdrawnBy.DOC_ID, "1", ""))
    first = withdrawn(lake)
    monkeypatch.delattr(Storage, "read_bytes")
    assert withdrawn(lake).withdrawals == first.withdrawals != ()
