"""Where the bytes are: paths, atomic publication, exclusive creation, what the dead leave behind."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prox_assets.lake.errors import LakeError, RetryableLakeError
from prox_assets.lake.storage.storage import TEMPORARY, Storage


@pytest.mark.parametrize("path", ["", ".", "/etc/passwd", "../other", "a/../../b", "a/..", "nul\x00"])
def test_a_path_that_leaves_the_lake_is_refused(tmp_path, path):
    storage = Storage(str(tmp_path))
    for use in (storage.path, storage.read_bytes, storage.exists, storage.remove, storage.list_files):
        with pytest.raises(LakeError, match="not a path inside the lake"):
            use(path)
    with pytest.raises(LakeError, match="not a path inside the lake"):
        storage.write_bytes(path, b"x")


def test_small_files_are_written_read_listed_and_removed(lake):
    storage = lake.storage
    assert storage.read_bytes("a/b.json") is None
    assert storage.list_files("a") == []
    assert storage.list_folders("") == []
    storage.write_bytes("a/b.json", b"one")
    storage.write_bytes("a/c/d.json", b"two")
    assert storage.read_bytes("a/b.json") == b"one"
    storage.write_bytes("a/b.json", b"three")
    assert storage.read_bytes("a/b.json") == b"three"
    assert storage.list_files("a") == ["b.json"]
    assert storage.list_folders("a") == ["c"]
    assert storage.exists("a/c/d.json")
    assert not storage.exists("a/x")
    storage.remove("a/c")
    storage.remove("a/c")
    assert storage.list_folders("a") == []
    assert storage.exists("a/b.json")


def test_nothing_is_published_when_the_block_fails(lake):
    lake.storage.write_bytes("t/a", b"old")

    def write_and_fail() -> None:
        with lake.storage.new_files(["t/a", "t/b"]) as [first, second]:
            first.write_bytes(b"new")
            second.write_bytes(b"new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail()
    assert lake.storage.read_bytes("t/a") == b"old"
    assert lake.storage.list_files("t") == ["a"]


def test_a_reader_never_sees_a_torn_or_missing_file_while_it_is_replaced(tmp_path):
    storage = Storage(str(tmp_path))
    contents = [bytes([number]) * 200_000 for number in range(2)]
    storage.write_bytes("t/file", contents[0])
    stop = threading.Event()

    def poll() -> tuple[int, int]:
        reads = wrong = 0
        while not stop.is_set():
            wrong += storage.read_bytes("t/file") not in contents
            reads += 1
        return reads, wrong

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(poll)
        for number in range(150):
            storage.write_bytes("t/file", contents[number % 2])
        stop.set()
        reads, wrong = reader.result()
    assert reads > 20
    assert wrong == 0


WRITE_AND_HANG = """
import sys, time
from prox_assets.lake.storage.storage import Storage
with Storage(sys.argv[1]).new_files(["t/file"]) as [temporary]:
    temporary.write_bytes(b"half of the ne")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_the_old_file_and_its_rubbish_is_removed(tmp_path):
    storage = Storage(str(tmp_path))
    storage.write_bytes("t/file", b"old")
    with subprocess.Popen([sys.executable, "-c", WRITE_AND_HANG, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        assert storage.remove_abandoned_temporaries() == 0, "the writer is alive"
        os.kill(writer.pid, signal.SIGKILL)
    assert storage.read_bytes("t/file") == b"old"
    assert storage.list_files("t") == ["file"]
    assert len(list((tmp_path / TEMPORARY).iterdir())) == 1
    assert storage.remove_abandoned_temporaries() == 1
    assert list((tmp_path / TEMPORARY).iterdir()) == []


def test_unfinished_files_of_another_machine_are_left_alone(tmp_path):
    other = tmp_path / TEMPORARY / "prox-0123456789ab-999999999-abc"
    other.mkdir(parents=True)
    assert Storage(str(tmp_path)).remove_abandoned_temporaries() == 0
    assert other.exists()


def test_of_many_that_create_a_file_exactly_one_wins(lake):
    start = threading.Barrier(8)

    def create(number: int) -> bool:
        start.wait()
        return lake.storage.create_exclusively("locks/one", b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert lake.storage.read_bytes("locks/one") == b"%d" % won.index(True)


CREATE = """
import sys
from prox_assets.lake.storage.storage import Storage
storage = Storage(sys.argv[1])
sys.stdin.readline()
print(sum(storage.create_exclusively(f"locks/{number}", b"x") for number in range(200)))
"""


def test_of_racing_processes_exactly_one_creates_each_file(tmp_path):
    command = [sys.executable, "-c", CREATE, str(tmp_path)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(won) == 200


@pytest.mark.parametrize("url", ["nonsense://bucket/lake", "s3://no-such-bucket-here/lake"])
def test_a_lake_that_cannot_be_written_is_named_in_the_error(url, s3_endpoint, s3_lake):
    options = {"client_kwargs": {"endpoint_url": s3_endpoint}} if url.startswith("s3") else None
    with pytest.raises(LakeError, match=url.split("/")[2]):
        Storage(url, options).write_bytes("a", b"x")


def test_a_lake_below_a_file_is_named_in_the_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RetryableLakeError, match=r"file/lake.*may do this"):
        Storage(str(tmp_path / "file" / "lake")).write_bytes("a", b"x")
