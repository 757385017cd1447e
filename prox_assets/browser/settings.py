"""What a server of pages knows: its lake, who looks at it, and where Dagster is."""

import getpass
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass, field
from time import monotonic

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings

# Judging two hundred shards takes a second, so a page waits only this long for it, and the result is kept for a while.
PAGE_WAITS = 0.05
JUDGED_FOR = 60.0


def user_name() -> str:
    """Return the name under which judgements are kept unless a reader gives another."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "reader"


class DriftedShards:
    """Which shards of each corpus have drifted, judged in the background by the rules of `prox drift`."""

    def __init__(self, judge: Callable[[str], frozenset[str]]) -> None:
        self._judge = judge
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="drift")
        self._lock = threading.Lock()
        self._judged: dict[str, tuple[float, Future[frozenset[str]]]] = {}

    def of(self, corpus: str, *, wait: bool = False) -> frozenset[str] | None:
        """Return the drifted shards of a corpus; None while they are being judged, unless told to wait.

        Raises:
            LakeError: The metrics cannot be read.
            DriftError: The settings do not fit the corpus.
        """
        with self._lock:
            started, future = self._judged.get(corpus, (0.0, None))
            if future is None or (future.done() and monotonic() - started > JUDGED_FOR):
                future = self._pool.submit(self._judge, corpus)
                self._judged[corpus] = (monotonic(), future)
        try:
            return future.result(None if wait else PAGE_WAITS)
        except NotYetError:
            return None


@dataclass
class Browser:
    """A server's settings.

    Attributes:
        lake: The lake that it shows.
        dagster_url: Address of Dagster's UI, for links to runs and partitions; None for no links.
        judge: The name under which judgements are kept unless a reader gives another.
        drift: When a shard counts as drifted.
        drifted: The drifted shards.
    """

    lake: Lake
    dagster_url: str | None = None
    judge: str = field(default_factory=user_name)
    drift: DriftSettings = field(default_factory=DriftSettings)
    drifted: DriftedShards = field(init=False)

    def __post_init__(self) -> None:
        self.drifted = DriftedShards(self._judge)

    def _judge(self, corpus: str) -> frozenset[str]:
        rows = arrivals(self.lake, corpus, self.drift)
        return frozenset(told.shard for told in judge_arrivals(rows, self.drift) if told.findings)
