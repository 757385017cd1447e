"""The progress watchdog: how long requests have been under way without a result or a token.

Belongs here: the clock-keeping. It looks at progress and never at liveness: a process that runs, or a connection that
is open, but brings nothing counts as stalled.
"""

import math
import threading
import time
from collections.abc import Callable


class ProgressWatchdog:
    """Measures the time since the last progress while at least one request is under way; safe across threads.

    The time in which nothing was under way does not count, so that a slow caller never looks like a stalled engine.

    Args:
        timeout_seconds: Time without progress after which the engine counts as stalled.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, timeout_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.timeout_seconds = timeout_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = 0
        self._last_progress = clock()

    def started(self) -> None:
        """Note that a request is now under way."""
        with self._lock:
            if self._under_way == 0:
                self._last_progress = self._clock()
            self._under_way += 1

    def progressed(self) -> None:
        """Note that a token or a result came."""
        with self._lock:
            self._last_progress = self._clock()

    def finished(self, count: int = 1, *, progress: bool = True) -> None:
        """Note that requests are no longer under way.

        Args:
            count: How many.
            progress: Whether the engine answered; False for requests given up or cancelled.
        """
        with self._lock:
            self._under_way -= count
            if progress:
                self._last_progress = self._clock()

    def seconds_left(self) -> float:
        """Return the seconds until the engine counts as stalled: 0 if it does, infinity if nothing is under way."""
        with self._lock:
            if self._under_way == 0:
                return math.inf
            return max(0.0, self._last_progress + self.timeout_seconds - self._clock())
