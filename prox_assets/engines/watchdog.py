"""The progress watchdog: measures how long requests have been in flight without a result or a token.

It watches progress, not liveness: a running process or an open connection that delivers nothing counts as stalled.
"""

import math
import threading
import time
from collections.abc import Callable


class ProgressWatchdog:
    """Measures the time since the last progress while at least one request is in flight; thread-safe.

    Time with nothing in flight does not count, so a slow caller never looks like a stalled engine.

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
        """Record that a request is now in flight."""
        with self._lock:
            if self._under_way == 0:
                self._last_progress = self._clock()
            self._under_way += 1

    def progressed(self) -> None:
        """Record that a token or a result arrived."""
        with self._lock:
            self._last_progress = self._clock()

    def finished(self, count: int = 1, *, progress: bool = True) -> None:
        """Record that requests are no longer in flight.

        Args:
            count: Number of requests.
            progress: Whether the engine answered; False for requests that were given up or cancelled.
        """
        with self._lock:
            self._under_way -= count
            if progress:
                self._last_progress = self._clock()

    def seconds_left(self) -> float:
        """Return the seconds until the engine counts as stalled: 0 if it already does, infinity with none in flight."""
        with self._lock:
            if self._under_way == 0:
                return math.inf
            return max(0.0, self._last_progress + self.timeout_seconds - self._clock())
