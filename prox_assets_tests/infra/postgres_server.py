"""A PostgreSQL server for one module of tests: its own data folder, a free loopback port, removed afterwards.

Tests that need it skip where PostgreSQL is not installed.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prox_assets.testing.ports import free_port

PASSWORD = "p@ss/word: %41"  # noqa: S105 - of a server that lives for one test; odd on purpose, it goes through a URL
USER = DATABASE = "dagster"
_START_SECONDS = 60


@dataclass(frozen=True)
class PostgresServer:
    port: int

    def environment(self) -> dict[str, str]:
        """Return the variables that infra/dagster.yaml reads."""
        return {
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(self.port),
            "DAGSTER_POSTGRES_DB": DATABASE,
            "DAGSTER_POSTGRES_USER": USER,
            "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
        }


def postgres_binaries() -> Path | None:
    """Return the folder of initdb and its like; Debian keeps it out of PATH, one per major version."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def running_postgres(binaries: Path) -> Iterator[PostgresServer]:
    """Run a server with an empty database `dagster` until the block ends."""
    # Not a folder of pytest's: those are closed to other users, and PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="prox-postgres-"))
    account = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    user = account.pw_uid if os.geteuid() == 0 else None
    group = account.pw_gid if os.geteuid() == 0 else None
    password_file = folder / "password"
    password_file.write_text(PASSWORD)
    for path in (folder, password_file):
        os.chown(path, account.pw_uid, account.pw_gid)
    data, port = folder / "data", free_port()
    initdb: list[str | Path] = [binaries / "initdb", "--pgdata", data, "--username", USER]
    initdb += ["--pwfile", password_file, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(initdb, user=user, group=group, cwd=folder, check=True, capture_output=True)
    command: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-F"]
    command += ["-c", "listen_addresses=127.0.0.1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, user=user, group=group, cwd=folder, stdout=log, stderr=log)
    try:
        server = PostgresServer(port)
        _create_database(server, binaries, process, folder / "log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: connections are ended, not waited for
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _create_database(server: PostgresServer, binaries: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    command = [binaries / "createdb", "-h", "127.0.0.1", "-p", str(server.port), "-U", USER, DATABASE]
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if not subprocess.run(command, env={"PGPASSWORD": PASSWORD}, capture_output=True, check=False).returncode:
            return
        time.sleep(0.2)
    raise RuntimeError(f"PostgreSQL did not start (exit code {process.poll()}):\n{log.read_text()}")
