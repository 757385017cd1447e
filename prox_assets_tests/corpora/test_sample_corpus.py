"""The bundled sample corpus: the committed shards are what its pages make, and hold what they promise."""

import gzip

import pyarrow.parquet as pq
import pytest

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.sample import sample_source
from prox_assets.corpora.sample.build import C4_SHARDS, FINEWEB_SHARD, SHARDS_FOLDER, build
from prox_assets.corpora.sample.decisions import GOLD, gold_lines
from prox_assets.corpora.sample.page_files import read_pages
from prox_assets.corpora.shards import list_shards
from prox_assets_tests.corpora.raw_files import read_all


@pytest.fixture(scope="module")
def items():
    return read_all(sample_source())


@pytest.fixture(scope="module")
def documents(items):
    return [item for item in items if isinstance(item, Document)]


def test_the_committed_shards_are_what_the_pages_make(tmp_path):
    build(tmp_path)
    for name in C4_SHARDS:
        assert gzip.decompress((SHARDS_FOLDER / name).read_bytes()) == gzip.decompress((tmp_path / name).read_bytes())
    assert pq.read_table(SHARDS_FOLDER / FINEWEB_SHARD).equals(pq.read_table(tmp_path / FINEWEB_SHARD))
    assert sorted(path.name for path in SHARDS_FOLDER.iterdir()) == sorted(path.name for path in tmp_path.iterdir())


def test_there_are_three_shards_whatever_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shards = list_shards(sample_source())
    assert [shard.source_file for shard in shards] == [*C4_SHARDS, FINEWEB_SHARD]
    assert [shard.key for shard in shards] == ["c4-00000", "c4-00001", "fineweb-00000"]


def test_it_has_120_documents_and_one_corrupt_row(items, documents):
    assert len(documents) >= 120
    (reject,) = [item for item in items if isinstance(item, Reject)]
    assert reject.reason == "broken_json"


def test_no_two_pages_are_alike(documents):
    texts = [document.text for document in documents]
    assert len(set(texts)) == len(texts)
    assert len({document.url for document in documents}) == len(documents)


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        ("cookie banner", "cookies"),
        ("share buttons", "Share this"),
        ("byline", "By Morag Tulloch"),
        ("footer", "All rights reserved"),
        ("code", "mid = (lo + hi) // 2"),
        ("table", " | Rain mm | "),
        ("formula", r"\sum_{k=1}^{n}"),
        ("forum thread", "Reply #2 on:"),
        ("list", "- 300 g small green lentils"),
        ("spam", "CLICK HERE >>>"),
        ("Chinese", "石桥"),
        ("Japanese", "万年筆"),
        ("Thai", "มะม่วง"),
        ("right to left", "النخلة"),
        ("mojibake", "CrÃ¨me brÃ»lÃ©e"),
        ("lost characters", "gem\ufffdtliche"),
    ],
)
def test_it_has_what_crawls_have(documents, kind, sign):
    assert any(sign in document.text for document in documents), kind


def test_it_has_the_shapes_that_break_pipelines(documents):
    texts = [document.text for document in documents]
    assert "" in texts
    assert any(text and not text.strip() for text in texts)
    line_counts = [len(text.split("\n")) for text in texts if max(map(len, text.split("\n"))) < 30]
    assert 1200 in line_counts
    # A word is at least one token in any tokenizer that splits at spaces.
    assert max(len(line.split(" ")) for text in texts for line in text.split("\n")) > 20_000


def test_every_site_gives_its_pages_the_same_frame():
    frames = {}
    for page in read_pages():
        frames.setdefault(page.url.split("/")[2], []).append(page.text.split("\n")[0])
    framed = {site: set(firsts) for site, firsts in frames.items() if len(firsts) > 1 and site != "misc.example"}
    assert len(framed) >= 15
    assert all(len(firsts) == 1 for firsts in framed.values())


def test_an_unknown_section_in_a_page_file_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("%% site https://a.example en\n%% middle\nx\n")
    with pytest.raises(ValueError, match=r"a\.txt: unknown section 'middle'"):
        read_pages(tmp_path)


def test_the_main_content_in_the_package_is_that_of_the_pages() -> None:
    assert GOLD.read_text(encoding="utf-8").splitlines() == gold_lines()
