"""The progress watchdog, on a clock that the test moves."""

import math

import pytest

from prox_assets.engines.watchdog import ProgressWatchdog


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> ProgressWatchdog:
    return ProgressWatchdog(10.0, clock)


def test_time_without_requests_under_way_does_not_count(watchdog: ProgressWatchdog, clock: Clock) -> None:
    clock.now += 1000
    assert watchdog.seconds_left() == math.inf
    watchdog.started()
    assert watchdog.seconds_left() == 10.0


def test_time_counts_from_the_last_progress_while_requests_are_under_way(
    watchdog: ProgressWatchdog, clock: Clock
) -> None:
    watchdog.started()
    clock.now += 7
    assert watchdog.seconds_left() == 3.0
    watchdog.progressed()
    clock.now += 4
    assert watchdog.seconds_left() == 6.0
    clock.now += 100
    assert watchdog.seconds_left() == 0.0


def test_a_further_request_does_not_hide_that_the_earlier_ones_are_stuck(
    watchdog: ProgressWatchdog, clock: Clock
) -> None:
    watchdog.started()
    clock.now += 7
    watchdog.started()
    assert watchdog.seconds_left() == 3.0


def test_giving_up_on_a_request_is_no_progress_for_the_others(watchdog: ProgressWatchdog, clock: Clock) -> None:
    watchdog.started()
    watchdog.started()
    clock.now += 7
    watchdog.finished(progress=False)
    assert watchdog.seconds_left() == 3.0
    watchdog.finished()
    assert watchdog.seconds_left() == math.inf
