"""Leases between machines: other host names, wall clocks ten minutes apart, on a store and on a folder like NFS."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

import benchmarks.chaos
from prox_assets.lake.errors import LakeError, LeaseHeldError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.host import is_on_network
from prox_assets.lake.storage.lease import Lease
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.shard_runs import write_pages

CLOCK = Path(benchmarks.chaos.__path__[0]) / "jumping_clock.c"
PATH = "_leases/pages/doc_programs/a.json"
MINUTES = 60
# A machine of the name that the first argument says. On a folder like NFS it has no hard links, and reads what it last
# saw for two seconds, unless it has written there itself.
HOST = """
import errno, os, socket, sys, time
name, url, like, log = sys.argv[1:5]
ttl, wait = map(float, sys.argv[5:7])
socket.gethostname = lambda: name
from prox_assets.lake.storage import lease, storage
from prox_assets.lake.errors import LeaseHeldError
STALE = 2.0
if like == "nfs":
    def link(*args, **kwargs):
        raise PermissionError(errno.EPERM, "Operation not permitted")
    os.link = link
    storage.is_on_network = lambda path: True
    lease.STALE_SECONDS = STALE
    seen, read = {}, storage.Storage.read_bytes
    def read_bytes(self, relative):
        when, data = seen.get(relative, (0, None))
        if time.monotonic() - when > STALE:
            data = read(self, relative)
            seen[relative] = time.monotonic(), data
        return data
    storage.Storage.read_bytes = read_bytes
    for change in ("write_bytes", "create_exclusively", "remove"):
        def forget(self, relative, *args, original=getattr(storage.Storage, change)):
            seen.pop(relative, None)
            return original(self, relative, *args)
        setattr(storage.Storage, change, forget)
place = storage.Storage(url)
def held():
    times = {"ttl_seconds": ttl, "heartbeat_seconds": 0.3, "wait_seconds": wait}
    return lease.Lease(place, "pages", "doc_programs", "a", name, **times)
def say(what):
    with open(log, "a") as file:
        file.write(f"{name} {what}\\n")
"""
TAKE_TURNS = """
for turn in range(5):
    with held() as mine:
        say("in")
        time.sleep(0.05)
        mine.check()
        say("out")
"""
HOLD = """
with held():
    print("held", int(time.time()), flush=True)
    time.sleep(300)
"""
TRY = """
began = time.monotonic()
try:
    with held() as mine:
        mine.check()
        print("taken over after", time.monotonic() - began, flush=True)
except LeaseHeldError as error:
    print(error, flush=True)
"""


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler, for a clock of its own in each process")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, CLOCK], check=True)
    return library


class Hosts:
    """Starts scripts as if on machines of their own, over one store or one folder.

    Attributes:
        url: The store or the folder.
    """

    def __init__(self, like: str, url: str, log: Path, clock: Path) -> None:
        self.url = url
        self._like, self._log, self._clock = like, log, clock
        self.running: list[subprocess.Popen[str]] = []

    def start(self, script: str, name: str, back: int, ttl: float = 60, wait: float = 0) -> subprocess.Popen[str]:
        """Start a host's script, with a clock that is so many seconds slow."""
        arguments = [name, self.url, self._like, str(self._log), str(ttl), str(wait)]
        environment = {**os.environ, "LD_PRELOAD": str(self._clock), "CHAOS_CLOCK_BACK": str(back)}
        command = [sys.executable, "-c", HOST + script, *arguments]
        self.running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        return self.running[-1]


@pytest.fixture(params=["store", "nfs"])
def hosts(
    request: pytest.FixtureRequest, clock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hosts]:
    url = str(tmp_path / "lake")
    if request.param == "store":
        endpoint = request.getfixturevalue("s3_endpoint")
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        bucket = f"hosts-{uuid.uuid4().hex}"
        boto3.client("s3").create_bucket(Bucket=bucket)
        url = f"s3://{bucket}/lake"
    started = Hosts(request.param, url, tmp_path / "log", clock)
    yield started
    for process in started.running:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_hosts_take_turns(hosts, tmp_path):
    both = [hosts.start(TAKE_TURNS, name, back, wait=300) for name, back in (("one", 0), ("two", 10 * MINUTES))]
    assert [host.wait(timeout=280) for host in both] == [0, 0]
    said = (tmp_path / "log").read_text().splitlines()
    assert len(said) == 20
    for entered, left in zip(said[::2], said[1::2], strict=True):
        assert (entered.split()[1], left) == ("in", entered.replace(" in", " out")), "nobody enters before it is left"


def test_a_live_holder_is_left_alone_and_a_killed_one_is_replaced_whatever_the_clocks_say(hosts):
    back = 10 * MINUTES if hosts.url.startswith("s3://") else -10 * MINUTES
    holder = hosts.start(HOLD, "one", 0)
    held, seconds = line(holder).split()
    assert held == "held"
    other = hosts.start("print(int(time.time()), flush=True)\n" + TRY, "two", back, ttl=4)
    assert abs(int(seconds) - int(line(other)) - back) < 5 * MINUTES, "their clocks differ"
    assert "is being written by run one" in line(other)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    said = line(hosts.start(TRY, "two", back, ttl=4))
    assert said.startswith("taken over after ")
    assert float(said.split()[-1]) >= 4, "its process id means nothing on another host: only silence does"


REFINE = """
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.presets import preset
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.stages.plan import RefinementPlan
lake, on_empty = Lake(url), {"one": "drop", "two": "keep"}[name]
source = CorpusSource(name="web", urls=[os.environ["RAW_FILES"]])
plan = RefinementPlan(source=source, refiners=preset("rules"), policy=ExecutionPolicy(on_empty=on_empty))
shards = discover_shards(lake, plan, name).shards
result = refine_shards(lake, plan, shards, name, report=lambda *_: lambda *_: None)
print([str(error) for error in result.errors.values()], flush=True)
"""


def test_two_hosts_that_refine_one_shard_leave_one_execution(hosts, tmp_path, monkeypatch):
    pages = [
        f"page {n}\n" + "A line with enough words on it to be kept.\n" * (n % 7) + "menu | login" for n in range(40)
    ]
    monkeypatch.setenv("RAW_FILES", str(write_pages(tmp_path / "raw" / "pages.jsonl", pages)))
    both = {name: hosts.start(REFINE, name, back) for name, back in (("one", 0), ("two", 10 * MINUTES))}
    assert [host.wait(timeout=280) for host in both.values()] == [0, 0]
    lake = Lake(hosts.url)
    said = {name: line(host) for name, host in both.items()}
    writer = next(lake.rows("web", Table.OUTCOMES, "pages.jsonl"))["run_id"]
    assert said[writer] == "[]\n", said
    manifest = json.loads(lake.storage.read_bytes(lake.manifest_path("web", "pages.jsonl")) or b"")
    for table, rows in manifest["rows"].items():
        seen = lake.scan("web", Table(table)).collect()
        assert (len(seen), set(seen["run_id"])) == (rows, {writer} if rows else set())
    assert manifest["rows"]["outcomes"] == len(pages)
    leases = lake.storage.list_folders("_leases/web")
    assert [name for asset in leases for name in lake.storage.list_files(f"_leases/web/{asset}")] == []


def held_by(lake: Lake, run_id: str = "run-1", ttl: float = 1.0) -> Lease:
    return Lease(lake.storage, "pages", "doc_programs", "a", run_id, ttl_seconds=ttl, heartbeat_seconds=0.1)


def refuse_links(*_: object) -> None:
    raise OSError(errno.ENOTSUP, "Operation not supported")


@pytest.mark.local_lake
def test_a_folder_without_hard_links_has_leases(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refuse_links)
    lake = lake_at(tmp_path)
    with held_by(lake) as first:
        with pytest.raises(LeaseHeldError, match="run-1"), held_by(lake, "run-2"):
            pytest.fail("two holders")
        first.check()
    assert lake.storage.read_bytes(PATH) is None


@pytest.mark.local_lake
def test_a_record_whose_writer_died_before_it_had_contents_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refuse_links)
    lake = lake_at(tmp_path)
    lake.storage.write_bytes(PATH, b"")
    with held_by(lake) as taken:
        taken.check()
        assert json.loads(lake.storage.read_bytes(PATH) or b"")["run_id"] == "run-1"


def test_a_store_that_overwrites_what_it_should_not_is_refused(monkeypatch):
    lake = Lake("memory://lake-that-ignores-conditions")
    write = lake.storage.fs.pipe_file
    monkeypatch.setattr(lake.storage.fs, "pipe_file", lambda path, data, mode: write(path, data))
    with pytest.raises(LakeError, match=r"the store of memory://.* ignores If-None-Match"), held_by(lake):
        pytest.fail("no lease can be exclusive there")
    assert lake.storage.read_bytes(PATH) is None


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /mnt/corpus\\040one rw,relatime shared:9 - nfs4 server:/export rw,vers=4.2
41 40 254:1 / /mnt/corpus\\040one/local rw - xfs /dev/vdb rw
42 22 0:36 / /mnt/bucket rw - fuse.gcsfuse bucket rw
43 22 0:37 / /mnt/image rw - fuse.fuse-overlayfs overlay rw
44 22 0:38 / /mnt/bucket2 rw - ceph server:/ rw
"""


@pytest.mark.parametrize(
    ("folder", "shared"),
    [
        ("/home/me/lake", False),
        ("/mnt/corpus one", True),
        ("/mnt/corpus one/lake", True),
        ("/mnt/corpus one/local/lake", False),
        ("/mnt/corpus", False),
        ("/mnt/bucket/lake", True),
        ("/mnt/bucket2", True),
        ("/mnt/image/lake", False),
    ],
)
def test_folders_of_the_network_are_told_from_disks(folder, shared):
    assert is_on_network(folder, MOUNTS) is shared
