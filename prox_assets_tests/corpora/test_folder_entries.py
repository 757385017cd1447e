"""What lies in a folder beside the corpus: never opened, and a listing stops only where it would be part of it."""

import os
import socket
import stat
from contextlib import chdir
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from prox_assets.corpora.filesystems import SourceFile
from prox_assets.corpora.shards import CorpusError, SourceUnavailableError, list_shards, read_shard
from prox_assets_tests.corpora.raw_files import source_of, write_lines

PATTERNS = ["", "/*.jsonl", "/**/*.jsonl"]


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "in" / "a.jsonl", [{"text": "a page"}])
    return tmp_path / "in"


def names(source):
    return [shard.source_file for shard in list_shards(source)]


def make_dangling_lock(folder):
    (folder / ".#a.jsonl").symlink_to("me@host.123")


def make_dangling_readme(folder):
    (folder / "README.md").symlink_to("/none/README")


def make_link_to_itself(folder):
    (folder / "notes.txt").symlink_to("notes.txt")


def make_links_in_a_circle(folder):
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")


def make_link_below_a_file(folder):
    (folder / "latest").symlink_to("a.jsonl/latest")


def make_folder_circle(folder):
    (folder / "again").symlink_to(folder)


def make_name_that_is_no_utf8(folder):
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("{}")


def make_hidden_name_that_is_no_utf8(folder):
    (folder / os.fsdecode(b".caf\xe9.jsonl")).write_text("{}")


def make_pipe(folder):
    os.mkfifo(folder / "pipe.jsonl")


def make_link_to_a_pipe(folder):
    os.mkfifo(folder / ".pipe")
    (folder / "pipe.jsonl").symlink_to(".pipe")


def make_link_to_a_device(folder):
    (folder / "zero.jsonl").symlink_to("/dev/zero")


def make_socket(folder):
    # The path of a socket has 108 bytes at most, which a relative one keeps to.
    with socket.socket(socket.AF_UNIX) as server, chdir(folder):
        server.bind("socket.jsonl")


def make_empty_folder_of_that_name(folder):
    (folder / "x.jsonl").mkdir()


def make_device(folder):
    try:
        os.mknod(folder / "null.jsonl", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


MAKERS = [maker for name, maker in sorted(globals().items()) if name.startswith("make_")]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("make", MAKERS)
def test_what_is_no_file_of_the_corpus_does_not_matter(folder, make, pattern):
    make(folder)
    assert names(source_of(f"{folder}{pattern}")) == ["a.jsonl"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("target", ["gone.jsonl", "b.jsonl", "a.jsonl/x"])
def test_a_link_that_matches_and_leads_nowhere_is_an_error_that_names_it(folder, target, pattern):
    (folder / "b.jsonl").symlink_to(target)
    with pytest.raises(SourceUnavailableError) as caught:
        list_shards(source_of(f"{folder}{pattern}"))
    assert str(caught.value).startswith(f"{folder}/b.jsonl is a link that leads nowhere, to {target}. ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["gone.jsonl", "b.jsonl"])
def test_a_link_that_is_named_and_leads_nowhere_is_an_error_that_names_it(folder, target):
    (folder / "b.jsonl").symlink_to(target)
    with pytest.raises(SourceUnavailableError, match=r"b\.jsonl is a link that leads nowhere"):
        list_shards(source_of(folder / "b.jsonl"))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", [b"caf\xe9.jsonl", b"fold\xff/a.jsonl"])
def test_a_name_that_matches_and_is_no_utf8_is_a_line_of_error(folder, name, pattern):
    path = folder / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"text": "x"}\n')
    if pattern == "/*.jsonl" and b"/" in name:
        assert names(source_of(f"{folder}{pattern}")) == ["a.jsonl"]
        return
    with pytest.raises(CorpusError, match=r"(caf\\xe9|fold\\xff/a)\.jsonl, a name that is not UTF-8. Rename") as caught:
        list_shards(source_of(f"{folder}{pattern}"))
    str(caught.value).encode()


@pytest.mark.parametrize("make", [make_pipe, make_socket, make_link_to_a_device, make_link_to_a_pipe])
def test_what_is_no_regular_file_is_an_error_where_it_is_named(folder, make):
    make(folder)
    [path] = (entry for entry in folder.iterdir() if entry.suffix == ".jsonl" and entry.name != "a.jsonl")
    with pytest.raises(CorpusError, match=rf"{path.name} is a pipe, a socket or a device: save"):
        list_shards(source_of(path))


def test_a_file_that_became_a_pipe_after_it_was_listed_is_not_opened(folder):
    source = source_of(folder)
    (shard,) = list_shards(source)
    (folder / "a.jsonl").unlink()
    os.mkfifo(folder / "a.jsonl")
    with pytest.raises(CorpusError, match="is a pipe"):
        next(read_shard(source, shard))
    with pytest.raises(CorpusError, match="is a pipe"):
        SourceFile(source, str(folder / "a.jsonl"))


def test_a_folder_named_like_a_file_is_a_folder(folder):
    write_lines(folder / "x.jsonl" / "part-0.json", [{"text": "x"}])
    assert names(source_of(folder)) == ["a.jsonl", "x.jsonl/part-0.json"]
    assert names(source_of(folder / "*.jsonl")) == ["a.jsonl"]
    assert names(source_of(folder / "*.jsonl" / "*.json")) == ["x.jsonl/part-0.json"]
    assert names(source_of(folder / "x.jsonl")) == ["part-0.json"]


@pytest.fixture
def forbidden(monkeypatch):
    """Forbid paths to this process; the tests may run as root, to whom nothing is forbidden."""
    paths = set()
    real = {"scandir": os.scandir, "info": LocalFileSystem.info}

    def check(path):
        if any(str(path) == str(one) or str(path).startswith(f"{one}/") for one in paths):
            raise PermissionError(13, "Permission denied", str(path))

    def scandir(path="."):
        check(path)
        return real["scandir"](path)

    def info(self, path, **options):
        check(Path(path).parent)
        return real["info"](self, path, **options)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(LocalFileSystem, "info", info)
    return paths


@pytest.mark.parametrize(
    ("name", "pattern"), [(".cache", ""), ("_tmp", ""), (".cache", "/**/*.jsonl"), ("b", "/*.jsonl")]
)
def test_a_folder_that_may_not_be_read_does_not_matter_where_nothing_of_it_could_match(
    folder, forbidden, name, pattern
):
    write_lines(folder / name / "b.jsonl", [{"text": "x"}])
    forbidden.add(folder / name)
    assert names(source_of(f"{folder}{pattern}")) == ["a.jsonl"]


@pytest.mark.parametrize("pattern", ["", "/**/*.jsonl", "/b", "/b/*.jsonl", "/*/b.jsonl", "/b/b.jsonl"])
def test_a_folder_that_may_not_be_read_is_an_error_where_it_could_match(folder, forbidden, pattern):
    write_lines(folder / "b" / "b.jsonl", [{"text": "x"}])
    forbidden.add(folder / "b")
    with pytest.raises(SourceUnavailableError, match=r"cannot list .*Permission denied: .*/in/b") as caught:
        list_shards(source_of(f"{folder}{pattern}"))
    assert "\n" not in str(caught.value)


def test_a_file_that_goes_while_the_folder_is_listed_is_not_listed(folder, monkeypatch):
    write_lines(folder / "b.jsonl", [{"text": "x"}])
    real = LocalFileSystem.info

    def info(self, path, **options):
        (folder / "b.jsonl").unlink(missing_ok=True)
        return real(self, path, **options)

    monkeypatch.setattr(LocalFileSystem, "info", info)
    assert names(source_of(folder)) == ["a.jsonl"]
