"""Names and paths that try to leave the lake: refused, or kept inside as the plain names they are."""

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import MAX_NAME_BYTES, Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.lake.table_files import FileStamp

STAMP = FileStamp("f", "i", "run-1", "1.0")
LEAVING = [
    "..",
    "../web",
    "a/../../web",
    "/etc/passwd",
    "//etc",
    "a/b",
    "a\\..\\b",
    "\\\\server\\share",
    "a\x00.parquet",
]
UNPRINTABLE = ["a\nb", "a\x1b[31m", "\u202egpj.exe", "a\u2028b", "a\ud800", "\ufeffa", "a\tb"]
# Percent-encoded and look-alike separators are ordinary characters of a name: nothing here decodes or normalises.
PLAIN = [
    "%2e%2e%2fetc",
    "%00",
    "‥",
    "․․",
    "a∕b",
    "a⁄b",
    "a／b",
    "wеb",
    "$HOME",
    "~",
    "~root",
    "C:",
    "a b",
    "*",
    "?",
    "[ab]",
    "a'b",
]


def write_row(lake: Lake, corpus: str, shard: str) -> None:
    with lake.write(corpus, shard, [Table.REJECTS], STAMP) as [writer]:
        writer.write({"source_file": "a", "source_row": 0, "reason": "r", "detail": "d", "excerpt": "e"})


@pytest.mark.parametrize("name", [*LEAVING, *UNPRINTABLE, "x" * (MAX_NAME_BYTES + 1), "中" * MAX_NAME_BYTES])
def test_a_name_that_is_no_plain_component_is_refused_and_nothing_is_written(lake, name):
    for corpus, shard in ((name, "a"), ("web", name)):
        for use in (
            lambda corpus=corpus, shard=shard: write_row(lake, corpus, shard),
            lambda corpus=corpus, shard=shard: lake.info(corpus, Table.EDITS, shard),
            lambda corpus=corpus, shard=shard: lake.scan(corpus, Table.EDITS, [shard]),
            lambda corpus=corpus, shard=shard: lake.execution(corpus, shard),
        ):
            with pytest.raises(LakeError, match="cannot name a corpus or a shard"):
                use()
    assert lake.corpora() == []


@pytest.mark.parametrize("name", PLAIN)
def test_a_strange_but_plain_name_stays_inside_and_is_found_again(lake, name):
    write_row(lake, "web", name)
    assert lake.shards("web", Table.REJECTS) == [name]
    assert lake.scan("web", Table.REJECTS).collect().height == 1
    assert [row["shard"] for row in lake.rows("web", Table.REJECTS, name)] == [name]


def test_names_of_the_longest_length_are_written_and_read(lake):
    name = "x" * MAX_NAME_BYTES
    write_row(lake, "web", name)
    assert lake.shards("web", Table.REJECTS) == [name]


@pytest.mark.parametrize("shard", ["../../../escaped", "a/../../../../escaped"])
def test_a_lease_of_a_shard_that_leaves_the_lake_is_refused(tmp_path, shard):
    storage = Storage(str(tmp_path / "lake"))
    with pytest.raises(LakeError, match="not a path inside the lake"), Lease(storage, "web", "x", shard, "run"):
        pass
    assert [str(path) for path in tmp_path.rglob("*escaped*")] == []


_component = st.text(st.sampled_from("ab.%/\\\x00~ \u2024"), max_size=6) | st.sampled_from(["..", ".", "", "a"])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_component, max_size=5).map("/".join))
@example("a/./../../b")
@example("./..")
@example("a//../../../b")
def test_whatever_path_is_not_refused_lies_in_the_lake(tmp_path_factory, relative):
    root = tmp_path_factory.getbasetemp() / "anchor"
    storage = Storage(str(root))
    try:
        path = storage.path(relative)
    except LakeError:
        return
    # Resolved by the operating system's own rules, with nothing of the code under test.
    assert os.path.commonpath([os.path.normpath(path), str(root.resolve())]) == str(root.resolve())


@pytest.mark.parametrize("url", ["s3://", "s3:///", "file://", "a\x00b"])
def test_a_url_that_names_no_place_is_no_lake(url):
    with pytest.raises(LakeError, match=r"names no bucket or folder|cannot be a lake"):
        Storage(url)


def test_a_folder_that_is_a_link_is_followed_as_one_to_another_disk_has_to_be(tmp_path):
    elsewhere = tmp_path / "other disk"
    elsewhere.mkdir()
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "web").symlink_to(elsewhere)
    lake = Lake(str(tmp_path / "lake"))
    write_row(lake, "web", "a")
    assert [path.name for path in elsewhere.rglob("*.parquet")] == ["a.parquet"]


def test_links_in_a_circle_end_with_an_error_that_names_the_place(tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "web").symlink_to(tmp_path / "lake" / "web")
    lake = Lake(str(tmp_path / "lake"))
    with pytest.raises(LakeError, match="lake/web"):
        write_row(lake, "web", "a")
