"""The limit on a row's bytes: it holds for all of a row, whatever file and column they are in."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.parquet.sizes import rows_over
from prox_assets_tests.corpora.parquet.parquet_rows import table_of
from prox_assets_tests.corpora.raw_files import read_all, source_of, write_lines
from prox_assets_tests.corpora.read_and_measure import MEBIBYTE, measured

BIG = "x" * 3_000
WORDS = pa.array(["short", BIG, None])


def kinds(path, limit=1_000):
    return [
        item.reason if isinstance(item, Reject) else "document"
        for item in read_all(source_of(path, max_row_bytes=limit))
    ]


def test_lines_and_parquet_rows_of_the_same_values_are_refused_alike(tmp_path):
    rows = [{"text": "page", "html": ""}, {"text": "page", "html": BIG}, {"text": BIG, "html": ""}]
    write_lines(tmp_path / "a.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert kinds(tmp_path / "a.jsonl") == kinds(tmp_path / "a.parquet") == ["document", *["line_too_long"] * 2]


@pytest.mark.parametrize(
    "column",
    [
        WORDS,
        WORDS.cast(pa.large_string()),
        WORDS.cast(pa.string_view()),
        WORDS.cast(pa.binary()),
        WORDS.cast(pa.binary_view()),
        WORDS.dictionary_encode(),
        pa.ExtensionArray.from_storage(pa.json_(), WORDS),
        pa.array([["a"], ["x" * 100] * 30, None]),
        pa.array([["a"], ["x" * 100] * 30, None], pa.large_list(pa.string())),
        pa.array([["a"], ["x" * 100] * 30, None], pa.list_view(pa.string())),
        pa.array([["a", "b"], [BIG, ""], None], pa.list_(pa.string(), 2)),
        pa.array([[1], list(range(500)), None]),
        pa.array([{"html": "a", "n": 1}, {"html": BIG, "n": 1}, None]),
        pa.array([[("a", "b")], [("a", BIG)], None], pa.map_(pa.string(), pa.string())),
        pa.array([[("a", "b")], [(BIG, "a")], None], pa.map_(pa.string(), pa.string())),
        pa.array([[{"spans": ["a"]}], [{"spans": ["a"] * 600}, {"spans": ["bc"] * 600}], None]),
    ],
    ids=lambda column: str(column.type),
)
def test_a_long_value_counts_in_any_column_and_costs_only_its_row(tmp_path, column):
    pq.write_table(table_of(column), tmp_path / "a.parquet")
    assert kinds(tmp_path / "a.parquet") == ["document", "line_too_long", "document"]


def test_columns_that_are_short_one_by_one_count_together(tmp_path):
    pq.write_table(
        pa.table({"text": ["a", "a"], **{f"c{n}": ["x" * 200, "x"] for n in range(6)}}), tmp_path / "a.parquet"
    )
    assert kinds(tmp_path / "a.parquet") == ["line_too_long", "document"]


def test_the_limit_is_exact(tmp_path):
    pq.write_table(pa.table({"text": ["12345", "12345"], "more": ["1234", "12345"]}), tmp_path / "a.parquet")
    _, reject = read_all(source_of(tmp_path / "a.parquet", max_row_bytes=9))
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail, reject.excerpt) == ("line_too_long", "10 bytes, max_row_bytes is 9", "12345")


def test_a_reject_shows_how_its_text_begins(tmp_path):
    pq.write_table(pa.table({"text": ["é" * 2_000, None], "html": ["", BIG]}), tmp_path / "a.parquet")
    first, second = read_all(source_of(tmp_path / "a.parquet", max_row_bytes=1_000))
    assert isinstance(first, Reject)
    assert isinstance(second, Reject)
    assert (first.excerpt, second.excerpt) == ("é" * 200, "")


def test_a_value_of_a_dictionary_counts_for_the_rows_that_have_it(tmp_path):
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, None]), pa.array(["a", BIG]))
    pq.write_table(table_of(column), tmp_path / "a.parquet")
    assert kinds(tmp_path / "a.parquet") == ["document", "line_too_long", "document", "document"]


def test_the_rows_around_a_long_one_are_what_they_are_alone(tmp_path):
    column = pa.array([{"n": n, "html": BIG if n == 5 else str(n)} for n in range(20)])
    pq.write_table(table_of(column), tmp_path / "a.parquet")
    whole = read_all(source_of(tmp_path / "a.parquet"))
    limited = read_all(source_of(tmp_path / "a.parquet", max_row_bytes=1_000))
    assert limited[:5] + limited[6:] == whole[:5] + whole[6:]
    assert isinstance(whole[5], Document)
    assert isinstance(limited[5], Reject)


def test_a_large_column_beside_the_text_never_becomes_a_python_object(tmp_path):
    html = os.urandom(50 * MEBIBYTE).hex()
    table = pa.table({"text": ["before", "page", "after"], "html": ["", html, ""]})
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, compression="snappy")
    refused = measured(tmp_path / "a.parquet", max_row_bytes=MEBIBYTE)
    assert (refused.kinds, refused.error) == ({"Document": 2, "Reject": 1}, None)
    # A page is decompressed whole and its values copied; as a string, and as JSON, it would be there three times more.
    assert refused.peak < 450 * MEBIBYTE


def bytes_in(value):
    if isinstance(value, str):
        return len(value.encode())
    return sum(map(bytes_in, value.values() if isinstance(value, dict) else value or []))


@settings(max_examples=200)
@given(
    rows=st.lists(st.lists(st.lists(st.text(max_size=9), max_size=4) | st.none(), max_size=4), max_size=9),
    data=st.data(),
)
def test_sizes_are_those_of_the_values_also_of_a_slice(rows, data):
    start = data.draw(st.integers(0, len(rows)))
    column = pa.array(rows, pa.list_(pa.list_(pa.string()))).slice(start)
    sizes = [bytes_in(row) for row in rows[start:]]
    limit = data.draw(st.integers(0, max(sizes, default=0)))
    found = rows_over(pa.record_batch({"a": column}), limit)
    assert found == {row: size for row, size in enumerate(sizes) if size > limit}


def test_structs_of_any_depth_count_what_is_in_them():
    value = {"a": [{"b": "xyz", "c": None}], "d": {"e": "é"}}
    batch = pa.record_batch({"v": pa.array([None, value, json.loads(json.dumps(value))])})
    assert rows_over(batch, 4) == {1: 5, 2: 5}
