"""Each published format, read both by its name and by detection."""

import gzip
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.corpora.formats import detect_format
from prox_assets.corpora.shards import CorpusError
from prox_assets.corpora.source import ColumnMapping
from prox_assets_tests.corpora.raw_files import documents_of, read_all, source_of, write_lines

C4 = {"text": "A page.", "url": "https://a.example/", "timestamp": "2019-04-25T12:57:54Z"}
REDPAJAMA = {
    "url": "https://b.example/",
    "date_download": "2023-06-05T01:02:03Z",
    "digest": "sha1:ABC",
    "raw_content": "Raw text.",
    "title": "B",
    "language": "en",
    "perplexity": 311.2,
    "bucket": "head",
    "doc_id": "2023-14/0000/en_head.json.gz/7",
    "quality_signals": {"rps_doc_word_count": [[0, 9, 2.0]]},
}
FINEWEB_EDU = {
    "text": "Learn this.",
    "id": "<urn:uuid:1>",
    "dump": "CC-MAIN-2013-20",
    "url": "https://c.example/",
    "date": "2013-05-18T05:00:00Z",
    "file_path": "s3://commoncrawl/x.warc.gz",
    "language": "en",
    "language_score": 0.97,
    "token_count": 3,
    "score": 3.2,
    "int_score": 3,
}
OPENWEBMATH = {
    "url": "https://d.example/",
    "text": "Let $x = 1$.",
    "date": datetime(2016, 7, 1, 10, 20, 30),
    "metadata": '{"extraction_info": {"found_math": true}}',
}
DCLM = {
    "bff_contained_ngram_count_before_dedupe": 2,
    "language_id_whole_page_fasttext": {"en": 0.98},
    "metadata": {"WARC-Type": "response", "WARC-Target-URI": "https://e.example/warc"},
    "previous_word_count": 10,
    "text": "Baseline.",
    "url": "https://e.example/",
    "warcinfo": "robots: classic",
    "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob": 0.3,
}


def write(folder, name, row):
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist([row]), path)
        return path
    return write_lines(path, [row])


@pytest.mark.parametrize("named", [True, False], ids=["by name", "by detection"])
@pytest.mark.parametrize(
    ("name", "file_name", "row", "text_column"),
    [
        ("c4", "c4-train.00000-of-01024.json.gz", C4, "text"),
        ("redpajama_v2", "en_head.json.gz", REDPAJAMA, "raw_content"),
        ("fineweb", "000_00000.parquet", FINEWEB_EDU, "text"),
        ("openwebmath", "train-00000-of-00114.parquet", OPENWEBMATH, "text"),
        ("dclm", "shard_00000000_processed.jsonl.zst", DCLM, "text"),
    ],
)
def test_a_published_format_gives_text_url_and_every_native_column(tmp_path, named, name, file_name, row, text_column):
    path = write(tmp_path, file_name, row)
    (document,) = documents_of(source_of(path, format=name if named else "auto"))
    assert document.text == row[text_column]
    assert document.url == row["url"]
    assert (document.source_file, document.source_row) == (file_name, 0)
    native = {key: value for key, value in row.items() if key != text_column}
    if "date" in native and isinstance(native["date"], datetime):
        native["date"] = native["date"].isoformat()
    assert json.loads(document.metadata) == native


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (C4, "c4"),
        (REDPAJAMA, "redpajama_v2"),
        (FINEWEB_EDU, "fineweb"),
        (OPENWEBMATH, "openwebmath"),
        (DCLM, "dclm"),
        ({"text": "", "source": ""}, "jsonl"),
        ({"content": ""}, None),
    ],
)
def test_detection_names_the_format(row, name):
    assert detect_format(row.keys()) == name


def test_dclm_rows_without_a_url_take_the_one_of_their_warc_header(tmp_path):
    row = {key: value for key, value in DCLM.items() if key != "url"}
    (document,) = documents_of(source_of(write_lines(tmp_path / "a.jsonl.zst", [row])))
    assert document.url == "https://e.example/warc"


def test_redpajama_rows_take_the_url_out_of_the_meta_column(tmp_path):
    row = {"raw_content": "x", "doc_id": "1", "meta": json.dumps({"url": "https://m.example/"})}
    (document,) = documents_of(source_of(write_lines(tmp_path / "a.json.gz", [row])))
    assert document.url == "https://m.example/"


@pytest.mark.parametrize("file_name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a.ndjson", "a.parquet"])
def test_a_column_mapping_reads_any_file(tmp_path, file_name):
    path = write(tmp_path, file_name, {"body": "Text.", "link": "https://f.example/", "key": 7})
    mapping = ColumnMapping(text="body", url="link", id="key")
    (document,) = documents_of(source_of(path, columns=mapping))
    assert (document.text, document.url) == ("Text.", "https://f.example/")
    assert json.loads(document.metadata) == {"link": "https://f.example/", "key": 7, "id": 7}


def test_a_published_corpus_that_was_converted_to_another_container_still_reads(tmp_path):
    pq.write_table(pa.Table.from_pylist([REDPAJAMA]), tmp_path / "a.parquet")
    (document,) = documents_of(source_of(tmp_path / "a.parquet", format="redpajama_v2"))
    assert document.text == "Raw text."


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"text": "plain"}\n', "plain"),
        (b'\xef\xbb\xbf{"text": "marked"}\n', "marked"),
        (gzip.compress(b'{"text": "packed"}\n', mtime=0), "packed"),
    ],
)
def test_a_file_without_a_telling_name_is_recognised_by_its_first_bytes(tmp_path, data, text):
    (tmp_path / "part-0").write_bytes(data)
    (document,) = documents_of(source_of(tmp_path / "part-0"))
    assert document.text == text


def test_a_file_that_nothing_tells_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "README").write_text("About this corpus")
    with pytest.raises(CorpusError, match=r"cannot tell the format of .*README.*set `format`"):
        documents_of(source_of(tmp_path / "README"))


def test_rows_in_which_nothing_is_the_text_are_an_error_that_lists_the_keys(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"content": "x", "lang": "en"}])
    with pytest.raises(CorpusError, match=r"a\.jsonl.*keys of the first rows: content, lang.*columns: \{text: NAME"):
        documents_of(source_of(path))


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_array_is_not_lines_of_objects(tmp_path, indent):
    (tmp_path / "a.json").write_text(json.dumps([{"text": "a"}, {"text": "b"}], indent=indent))
    with pytest.raises(CorpusError, match=r"a\.json.*one object per line"):
        documents_of(source_of(tmp_path / "a.json"))


def test_broken_rows_at_the_top_do_not_hide_the_format(tmp_path):
    path = write_lines(tmp_path / "a.json.gz", [b"{", b"[]", REDPAJAMA])
    source = source_of(path)
    assert [type(item).__name__ for item in read_all(source)] == ["Reject", "Reject", "Document"]


@pytest.mark.parametrize(("format_name", "file_name"), [("jsonl", "a.parquet"), ("parquet", "a.jsonl")])
def test_a_generic_format_that_contradicts_the_file_name_is_an_error(tmp_path, format_name, file_name):
    path = write(tmp_path, file_name, {"text": "x"})
    with pytest.raises(CorpusError, match=f"{file_name}.*Correct `format`"):
        documents_of(source_of(path, format=format_name))


def test_native_values_that_json_lacks_are_kept_as_text_or_null(tmp_path):
    table = pa.table(
        {
            "text": ["x"],
            "day": pa.array([date(2024, 2, 29)]),
            "when": pa.array([datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "exact": pa.array([1709168523000000001], pa.timestamp("ns")),
            "digest": pa.array([b"\xff\x00"]),
            "name": pa.array([b"utf-8"]),
            "score": pa.array([float("nan")]),
            "nested": pa.array([{"spans": [{"start": 1, "weight": float("inf")}]}]),
            "headers": pa.array([[("Server", "x")]], pa.map_(pa.string(), pa.string())),
            "price": pa.array([None], pa.decimal128(5, 2)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (document,) = documents_of(source_of(tmp_path / "a.parquet"))
    assert json.loads(document.metadata) == {
        "day": "2024-02-29",
        "when": "2024-02-29T01:02:03+00:00",
        "exact": "2024-02-29 01:02:03.000000001",
        "digest": "/wA=",
        "name": "utf-8",
        "score": None,
        "nested": {"spans": [{"start": 1, "weight": None}]},
        "headers": {"Server": "x"},
        "price": None,
    }


def test_nan_in_json_becomes_null(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "x", "score": NaN, "rest": [Infinity, 1]}\n')
    (document,) = documents_of(source_of(tmp_path / "a.jsonl"))
    assert json.loads(document.metadata) == {"score": None, "rest": [None, 1]}


def test_surrogates_outside_the_text_cost_the_character_and_not_the_document(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "x", "url": "https://a/\\ud800\\u0000", "title": "\\udfff!"}\n')
    (document,) = documents_of(source_of(tmp_path / "a.jsonl"))
    assert document.url == "https://a/\ufffd\ufffd"
    assert json.loads(document.metadata)["title"] == "\ufffd!"
    document.metadata.encode()
