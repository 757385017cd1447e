"""A lease per (corpus, asset, shard): at most one live run writes, and a run presumed dead cannot publish.

The holder writes a heartbeat counter into a small file. A run that finds the file watches the counter on its own
monotonic clock: unchanged for `ttl_seconds` means dead. Wall clocks are never compared, so clock changes do no harm. A
dead holder on the same machine is recognised at once by its process id. Right before it publishes, a holder checks that
it still has the lease: a step process that outlived its killed run (measured with Dagster's multiprocess executor)
finds that another run has it and raises LeaseLostError.

Runs of several machines need a store with conditional writes, or a shared folder on which opening a file shows what
another machine wrote before (NFS does by default; not with `nocto`). On such a folder a holder is watched a minute
longer, because what this machine sees may be that old.
"""

import _thread
import json
import os
import threading
import time
import uuid
from typing import Any, Self

from prox_assets.lake.errors import LakeError, LeaseHeldError, LeaseLostError, RetryableLakeError
from prox_assets.lake.storage.host import boot_name, process_is_gone
from prox_assets.lake.storage.storage import STALE_SECONDS, Storage

HEARTBEAT_SECONDS = 3.0
TTL_SECONDS = 20.0
# Wait after overwriting a dead holder's record: by then, any other run that saw the same dead holder has written too.
TAKEOVER_SECONDS = 0.2
# The same where a write takes as long as a network does.
REMOTE_TAKEOVER_SECONDS = 2.0
# Wait after finding that a record is gone, before trying again.
GONE_SECONDS = 0.2
HEARTBEAT_START_SECONDS = 60.0


class Lease:
    """A lease, held inside a `with` block.

    Args:
        storage: The lake's storage.
        corpus: Corpus name.
        asset: Asset name; different assets of a shard do not exclude one another.
        shard: Shard key.
        run_id: This run, named in the error that another run gets when it finds the lease held.
        ttl_seconds: A heartbeat unchanged for this long means that the holder is dead; on a shared folder, a minute
            more than this.
        heartbeat_seconds: How often the holder writes.
        wait_seconds: How long to wait for a live holder before giving up with LeaseHeldError.
    """

    def __init__(
        self,
        storage: Storage,
        corpus: str,
        asset: str,
        shard: str,
        run_id: str,
        *,
        ttl_seconds: float = TTL_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        wait_seconds: float = 0.0,
    ) -> None:
        self._storage = storage
        self._path = f"_leases/{corpus}/{asset}/{shard}.json"
        self._label = f"{corpus}/{asset}/{shard}"
        self._run_id = run_id
        self._ttl = ttl_seconds + (STALE_SECONDS if storage.is_shared_folder else 0.0)
        is_near = storage.is_local and not storage.is_shared_folder
        self._settle = TAKEOVER_SECONDS if is_near else REMOTE_TAKEOVER_SECONDS
        self._interval = heartbeat_seconds
        self._wait = wait_seconds
        self._owner = uuid.uuid4().hex
        self._beat = 0
        self._stop = threading.Event()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        started = time.monotonic()
        while not self._storage.create_exclusively(self._path, self._record()):
            holder = self._read()
            if holder is None:
                # The holder has just ended, or the store contradicts itself: the record exists, and it does not.
                if time.monotonic() - started >= self._wait + self._ttl:
                    raise RetryableLakeError(
                        f"the lease file {self._storage.uri(self._path)} can be neither made nor read: the store "
                        "reports it as present and as missing. Try again."
                    )
                time.sleep(min(GONE_SECONDS, self._ttl / 10))
                continue
            if holder["owner"] == self._owner:
                break  # the store wrote our record but its answer was lost
            if (_is_dead_here(holder) or self._stays_silent(holder)) and self._take_over(holder):
                break
            if time.monotonic() - started >= self._wait:
                raise LeaseHeldError(
                    f"{self._label} is being written by run {holder.get('run_id')} "
                    f"(process {holder.get('pid')} on {holder.get('host')}). Wait for it, or stop it and try again."
                )
        self._start_heartbeat()
        # A run that died here may have left unfinished files; this is the only place that cleans them up.
        self._storage.remove_abandoned_temporaries()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._ended.wait()
        if self._holds():
            self._storage.remove(self._path)

    def clear_if_abandoned(self) -> None:
        """Remove the record of a killed holder on this machine; keep that of a live holder or another machine.

        For work that turns out to be done already: nobody will take its lease again, so the record would stay forever.
        """
        holder = self._read()
        if holder is not None and _is_dead_here(holder):
            with self:
                pass

    def check(self) -> None:
        """Raise LeaseLostError unless this run still holds the lease; call right before publishing."""
        if not self._holds():
            raise LeaseLostError(
                f"another run has taken over {self._label}; this one (run {self._run_id}) publishes nothing"
            )

    def _record(self) -> bytes:
        record = {
            "owner": self._owner,
            "beat": self._beat,
            "run_id": self._run_id,
            "host": boot_name(),
            "pid": os.getpid(),
        }
        return json.dumps(record).encode()

    def _read(self) -> dict[str, Any] | None:
        data = self._storage.read_bytes(self._path)
        if data is None:
            return None
        if not data:  # being written, on a file system without hard links; or its writer died then
            return {"owner": "", "beat": 0, "host": "", "pid": 0, "run_id": "(being written)"}
        try:
            return json.loads(data)
        except ValueError as error:
            raise LakeError(f"the lease file {self._storage.uri(self._path)} is damaged; remove it") from error

    def _holds(self) -> bool:
        record = self._read()
        return record is not None and record["owner"] == self._owner

    def _stays_silent(self, holder: dict[str, Any]) -> bool:
        """Watch the heartbeat until it moves (False) or `ttl_seconds` have passed without a change (True)."""
        seen = (holder["owner"], holder["beat"])
        deadline = time.monotonic() + self._ttl
        while time.monotonic() < deadline:
            time.sleep(min(0.5, self._ttl / 10))
            now = self._read()
            if now is None or (now["owner"], now["beat"]) != seen:
                return False
        return True

    def _take_over(self, holder: dict[str, Any]) -> bool:
        """Replace a dead holder's record; if several runs try at once, the last writer wins and the others notice."""
        now = self._read()
        if now is None or now["owner"] != holder["owner"]:
            return False
        self._storage.write_bytes(self._path, self._record())
        time.sleep(self._settle)
        return self._holds()

    def _start_heartbeat(self) -> None:
        # We avoid threading.Thread: its start() waits forever if the new thread runs out of memory and dies before it
        # can signal that it runs (found by limiting a run's memory; CPython 3.11).
        began = threading.Event()
        cause: Exception | None = None
        try:
            _thread.start_new_thread(self._keep, (began,))
            if began.wait(HEARTBEAT_START_SECONDS):
                return
        except (RuntimeError, MemoryError) as error:
            cause = error
        if self._holds():
            self._storage.remove(self._path)
        raise RetryableLakeError(
            f"no thread could be started to keep the lease of {self._label}: {cause or 'it never ran'}. The process is "
            "out of memory, or of threads; give it more, and run this again."
        ) from cause

    def _keep(self, began: threading.Event) -> None:
        try:
            began.set()
            while not self._stop.wait(self._interval):
                try:
                    if not self._holds():
                        return
                    self._beat += 1
                    self._storage.write_bytes(self._path, self._record())
                except (OSError, LakeError):
                    # The object store may be away for a moment; the next beat, or check() before publishing, will tell.
                    continue
        finally:
            self._ended.set()


def _is_dead_here(holder: dict[str, Any]) -> bool:
    return holder.get("host") == boot_name() and process_is_gone(int(holder["pid"]))
