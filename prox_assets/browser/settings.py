"""What a server of pages knows: its lake, who looks at it, and where Dagster is."""

import getpass
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.overview.contents import LakeOverview
from prox_assets.overview.reading import read_overview
from prox_assets.stages.settings import WatchedCorpora

# Judging two hundred shards takes a second, so a page waits only this long for it, and the result is kept for a while.
PAGE_WAITS = 0.05
KEPT_FOR = 60.0
# The first page is about all corpora, and shows their names alone if that takes longer.
FIRST_PAGE_WAITS = 5.0

ResultT = TypeVar("ResultT")


def user_name() -> str:
    """Return the name under which judgements are kept unless a reader gives another."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "reader"


class Kept(Generic[ResultT]):
    """Results that take a while: made in the background, one after another, and kept for a minute."""

    def __init__(self, make: Callable[[str], ResultT]) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kept")
        self._lock = threading.Lock()
        self._made: dict[str, tuple[float, Future[ResultT]]] = {}

    def of(self, name: str, wait: float | None = PAGE_WAITS) -> ResultT | None:
        """Return the result for a name; None while it is being made, after so many seconds; None waits for it.

        Raises:
            LakeError: The lake cannot be read.
            DriftError: The settings do not fit the corpus.
        """
        with self._lock:
            started, future = self._made.get(name, (0.0, None))
            if future is None or (future.done() and monotonic() - started > KEPT_FOR):
                future = self._pool.submit(self._make, name)
                self._made[name] = (monotonic(), future)
        try:
            return future.result(wait)
        except NotYetError:
            return None


@dataclass
class Browser:
    """A server's settings.

    Attributes:
        lake: The lake that it shows.
        judge: The name under which judgements are kept unless a reader gives another.
        settings: When a shard of a corpus counts as drifted, and where Dagster's UI is.
        drifted: The drifted shards of a corpus, by the rules of `prox drift`.
        overview: The overview of the lake; its name is "".
    """

    lake: Lake
    judge: str = field(default_factory=user_name)
    settings: WatchedCorpora = field(default_factory=WatchedCorpora)
    drifted: Kept[frozenset[str]] = field(init=False)
    overview: Kept[LakeOverview] = field(init=False)

    def __post_init__(self) -> None:
        self.drifted = Kept(self._judge)
        # Nothing is left in the lake: this server writes judgements only.
        self.overview = Kept(lambda _: read_overview(self.lake, self.settings, remember=False))

    def dagster_url(self, corpus: str) -> str | None:
        """Return the address of Dagster's UI for links from a corpus's pages; None for no links."""
        return self.settings.of(corpus).dagster_url

    def _judge(self, corpus: str) -> frozenset[str]:
        drift = self.settings.of(corpus).monitoring
        judged = judge_arrivals(arrivals(self.lake, corpus, drift), drift)
        return frozenset(told.shard for told in judged if told.findings)
