"""Bad rows: each is rejected with file, row, reason and excerpt, and the rest of the shard goes on."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.corpora.document import Document, Reject, document_id
from prox_assets_tests.corpora.raw_files import documents_of, read_all, source_of, write_lines

GOOD = {"text": "good"}


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b'{"text": "cut off', "broken_json", "Unterminated string"),
        (b"", "broken_json", "blank"),
        (b"   \t", "broken_json", "blank"),
        (b"[" * 100_000, "broken_json", "nested too deeply"),
        (b'{"text": ' + b"1" * 5000 + b"}", "broken_json", "limit"),
        (b'["text"]', "not_an_object", "list"),
        (b"null", "not_an_object", "NoneType"),
        (b'{"text": "\xff"}', "invalid_utf8", "byte 0xff at byte 10"),
        (b'{"text": "\xed\xa0\x80"}', "invalid_utf8", "byte 0xed"),
        (b'{"title": "no text"}', "missing_text", "no 'text'"),
        (b'{"text": null}', "text_not_a_string", "null"),
        (b'{"text": 12}', "text_not_a_string", "int"),
        (b'{"text": ["a"]}', "text_not_a_string", "list"),
        (b'{"text": "ab\\u0000c"}', "nul_character", "character 2"),
        (b'{"text": "ab\\ud83dc"}', "lone_surrogate", "U+D83D at character 2"),
    ],
)
def test_a_bad_line_is_rejected_and_its_neighbours_are_read(tmp_path, suffix, line, reason, detail):
    path = write_lines(tmp_path / f"a{suffix}", [GOOD, line, GOOD])
    first, reject, last = read_all(source_of(path))
    assert isinstance(first, Document)
    assert isinstance(last, Document)
    assert isinstance(reject, Reject)
    assert (reject.source_file, reject.source_row, reject.reason) == (path.name, 1, reason)
    assert detail in reject.detail
    assert last.source_row == 2
    assert last.doc_id == document_id("web", path.name, 2)


def test_an_excerpt_is_printable_and_at_most_200_characters(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [GOOD, b'{"text": "\x07\xff\xe2\x80\xae' + "é".encode() * 300])
    reject = read_all(source_of(path))[1]
    assert isinstance(reject, Reject)
    assert reject.excerpt.startswith('{"text": "\\x07\\xff\\u202eé')
    assert reject.excerpt.isprintable()
    assert len(reject.excerpt) == 200


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", "\u3000"])
def test_an_empty_or_blank_text_is_a_document(tmp_path, text):
    (document,) = documents_of(source_of(write_lines(tmp_path / "a.jsonl", [{"text": text}])))
    assert document.text == text


def test_a_surrogate_pair_is_one_character(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [b'{"text": "\\ud83d\\ude00"}'])
    assert documents_of(source_of(path))[0].text == "\U0001f600"


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\n \r\n\n", b"\r\n"])
def test_blank_lines_at_the_end_of_a_file_are_not_rows(tmp_path, end):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "a"}\r\n{"text": "b"}' + end)
    assert [document.text for document in documents_of(source_of(tmp_path / "a.jsonl"))] == ["a", "b"]


def test_only_newline_ends_a_line(tmp_path):
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g"
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}, ensure_ascii=False).replace("\x0b", "\\u000b"))
    items = read_all(source_of(tmp_path / "a.jsonl"))
    assert len(items) == 1


def test_a_line_over_the_cap_is_rejected_and_the_reader_goes_past_it(tmp_path):
    rows = [GOOD, {"text": "x" * 5000}, GOOD, {"text": "y" * 900_000}, GOOD]
    path = write_lines(tmp_path / "a.jsonl.gz", rows)
    items = read_all(source_of(path, max_row_bytes=1000))
    assert [type(item).__name__ for item in items] == ["Document", "Reject", "Document", "Reject", "Document"]
    reject = items[3]
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.source_row) == ("line_too_long", 3)
    assert "900012 bytes" in reject.detail
    assert reject.excerpt.startswith('{"text": "yyy')


def test_the_cap_is_exact(tmp_path):
    line = b'{"text": "1234"}'
    path = write_lines(tmp_path / "a.jsonl", [line, line + b" "])
    kinds = [type(item).__name__ for item in read_all(source_of(path, format="jsonl", max_row_bytes=len(line)))]
    assert kinds == ["Document", "Reject"]


@pytest.mark.parametrize("column_type", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_parquet_rows_are_rejected_one_by_one(tmp_path, column_type):
    raw = [b"good", b"bad \xff", None, b"nul \x00", b"", b"x" * 50]
    texts = pa.array(raw, pa.large_binary()).cast(pa.binary())
    if not pa.types.is_binary(column_type):
        wide = pa.types.is_large_string(column_type) or pa.types.is_large_binary(column_type)
        buffers = pa.array(raw, pa.large_binary() if wide else pa.binary()).buffers()
        # Built from buffers, because Arrow would not let invalid UTF-8 into a string column by the front door.
        texts = pa.Array.from_buffers(column_type, len(raw), buffers)
    pq.write_table(pa.table({"text": texts, "n": range(6)}), tmp_path / "a.parquet", use_dictionary=False)
    items = read_all(source_of(tmp_path / "a.parquet", max_row_bytes=20))
    reasons = [item.reason if isinstance(item, Reject) else item.text for item in items]
    assert reasons == ["good", "invalid_utf8", "text_not_a_string", "nul_character", "", "line_too_long"]
    assert [item.source_row for item in items] == list(range(6))


def test_a_dictionary_column_is_read_as_text(tmp_path):
    table = pa.table({"text": pa.array(["a", "b", "a", None]).dictionary_encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    items = read_all(source_of(tmp_path / "a.parquet"))
    assert [item.text for item in items if isinstance(item, Document)] == ["a", "b", "a"]
    assert isinstance(items[3], Reject)


def test_invalid_utf8_in_another_parquet_column_costs_only_its_row(tmp_path):
    names = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"\xff", b"c"], pa.binary()).buffers())
    pq.write_table(pa.table({"text": ["x", "y", "z"], "name": names}), tmp_path / "a.parquet")
    items = read_all(source_of(tmp_path / "a.parquet"))
    assert [item.text if isinstance(item, Document) else item.reason for item in items] == ["x", "invalid_utf8", "z"]
