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
from prox_assets.stages.settings import WatchedCorpora

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
        judge: The name under which judgements are kept unless a reader gives another.
        settings: When a shard of a corpus counts as drifted, and where Dagster's UI is.
        drifted: The drifted shards.
    """

    lake: Lake
    judge: str = field(default_factory=user_name)
    settings: WatchedCorpora = field(default_factory=WatchedCorpora)
    drifted: DriftedShards = field(init=False)

    def __post_init__(self) -> None:
        self.drifted = DriftedShards(self._judge)

    def dagster_url(self, corpus: str) -> str | None:
        """Return the address of Dagster's UI for links from a corpus's pages; None for no links."""
        return self.settings.of(corpus).dagster_url

    def _judge(self, corpus: str) -> frozenset[str]:
        drift = self.settings.of(corpus).monitoring
        judged = judge_arrivals(arrivals(self.lake, corpus, drift), drift)
        return frozenset(told.shard for told in judged if told.findings)
