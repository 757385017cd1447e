"""Listing a source: what is found, in which order, under which relative path, and what is refused."""

import os
import time

import pytest

from prox_assets.corpora.document import document_id
from prox_assets.corpora.shards import CorpusError, SourceUnavailableError, list_shards
from prox_assets_tests.corpora.raw_files import documents_of, source_of, write_lines


@pytest.fixture
def tree(tmp_path):
    for name in ["b/2.jsonl", "b/1.jsonl.gz", "a/1.jsonl.zst", "a/deep/er/9.json", "0.jsonl"]:
        write_lines(tmp_path / name, [{"text": name}])
    for name in ["_SUCCESS", ".hidden.jsonl", "b/_temporary/3.jsonl", "b/.crc/4.jsonl", "b/notes.txt", "b/x.tar.gz"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    return tmp_path


def names(source):
    return [shard.source_file for shard in list_shards(source)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", ["0.jsonl", "a/1.jsonl.zst", "a/deep/er/9.json", "b/1.jsonl.gz", "b/2.jsonl"]),
        ("/", ["0.jsonl", "a/1.jsonl.zst", "a/deep/er/9.json", "b/1.jsonl.gz", "b/2.jsonl"]),
        ("/b", ["1.jsonl.gz", "2.jsonl"]),
        ("/b/2.jsonl", ["2.jsonl"]),
        ("/b/*", ["1.jsonl.gz", "2.jsonl", "notes.txt", "x.tar.gz"]),
        ("/?/1.*", ["a/1.jsonl.zst", "b/1.jsonl.gz"]),
        ("/[ab]/[!2].jsonl*", ["a/1.jsonl.zst", "b/1.jsonl.gz"]),
        ("/*/1.jsonl.gz", ["b/1.jsonl.gz"]),
        ("/**/*.json", ["a/deep/er/9.json"]),
        ("/**/er/*", ["a/deep/er/9.json"]),
        ("/a/**", ["1.jsonl.zst", "deep/er/9.json"]),
        ("/**/*.jsonl", ["0.jsonl", "b/2.jsonl", "b/_temporary/3.jsonl"]),
    ],
)
def test_a_file_folder_or_glob_is_expanded_in_a_fixed_order(tree, pattern, expected):
    assert names(source_of(f"{tree}{pattern}")) == expected


def test_relative_paths_and_file_urls_are_local(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert names(source_of("b/*.jsonl")) == ["2.jsonl"]
    assert names(source_of(f"file://{tree}/b/*.jsonl")) == ["2.jsonl"]
    (shard,) = list_shards(source_of("b/*.jsonl"))
    assert shard.url == f"{tree}/b/2.jsonl"


def test_a_file_with_brackets_in_its_name_can_be_named(tmp_path):
    path = write_lines(tmp_path / "part[1].jsonl", [{"text": "x"}])
    assert names(source_of(path)) == ["part[1].jsonl"]


def test_urls_keep_their_order_and_a_file_matched_twice_counts_once(tree):
    assert names(source_of(tree / "b/*.jsonl", tree / "a", tree / "b")) == [
        "2.jsonl",
        "1.jsonl.zst",
        "deep/er/9.json",
        "1.jsonl.gz",
    ]


def test_two_files_with_one_relative_path_are_refused(tmp_path):
    for folder in ("x", "y"):
        write_lines(tmp_path / folder / "1.jsonl", [{"text": folder}])
    with pytest.raises(CorpusError, match=r"both '1\.jsonl' relative to their URL's root: .*x/1.*y/1.*a/\*\*/"):
        list_shards(source_of(tmp_path / "x", tmp_path / "y"))


@pytest.mark.parametrize("url", ["nowhere", "nowhere/*.jsonl", "*.parquet", "b/_temporary/*.gz"])
def test_no_match_is_an_error_with_a_remedy(tree, url):
    with pytest.raises(CorpusError, match=r"(matches no file. Correct|cannot list .* Check that it exists)"):
        list_shards(source_of(tree / url))


def test_a_file_that_cannot_be_listed_fails_the_listing(tree):
    (tree / "b" / "lost.jsonl").symlink_to(tree / "gone.jsonl")
    with pytest.raises(SourceUnavailableError, match=r"lost\.jsonl is a link that leads nowhere"):
        list_shards(source_of(tree))


def test_links_are_followed_and_circles_end(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_lines(elsewhere / "linked.jsonl", [{"text": "linked"}])
    (tree / "c").symlink_to(elsewhere)
    (tree / "d.jsonl").symlink_to(elsewhere / "linked.jsonl")
    (tree / "a" / "circle").symlink_to(tree)
    assert names(source_of(tree)) == [
        "0.jsonl",
        "a/1.jsonl.zst",
        "a/deep/er/9.json",
        "b/1.jsonl.gz",
        "b/2.jsonl",
        "c/linked.jsonl",
        "d.jsonl",
    ]


def test_the_version_changes_with_the_file(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"text": "old"}])
    source = source_of(path)
    (old,) = list_shards(source)
    assert list_shards(source) == [old]
    write_lines(path, [{"text": "new"}])
    os.utime(path, (time.time() + 5, time.time() + 5))
    (new,) = list_shards(source)
    assert (new.key, new.size) == (old.key, old.size)
    assert new.etag != old.etag


def test_document_ids_survive_moving_the_corpus(tmp_path):
    ids = []
    for home in ("here", "there/and/back"):
        write_lines(tmp_path / home / "en" / "1.jsonl", [{"text": "x"}, {"text": "y"}])
        ids.append([document.doc_id for document in documents_of(source_of(f"{tmp_path}/{home}/*/*.jsonl"))])
    assert ids[0] == ids[1] == [document_id("web", "en/1.jsonl", row) for row in range(2)]


def test_files_inside_an_installed_package_are_found_from_anywhere(tmp_path, monkeypatch):
    package = tmp_path / "tellurium_data"
    write_lines(package / "files" / "1.jsonl", [{"text": "shipped"}])
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    (document,) = documents_of(source_of("package://tellurium_data/files/*"))
    assert (document.text, document.source_file) == ("shipped", "1.jsonl")


@pytest.mark.parametrize("url", ["package://no_such_package_anywhere/x", "package://json.decoder/x", "package:///x"])
def test_an_unknown_package_is_an_error(url):
    with pytest.raises(CorpusError, match="no installed package"):
        list_shards(source_of(url))


def test_an_unknown_protocol_is_an_error_that_names_the_url():
    with pytest.raises(CorpusError, match=r"cannot open gopher://x/\*"):
        list_shards(source_of("gopher://x/*"))
