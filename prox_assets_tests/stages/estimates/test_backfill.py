"""The simulation of a backfill: what can be worked out by hand comes out, and what limits is named."""

import pytest

from prox_assets.stages.estimates.backfill import Overheads, best, simulate

FREE = Overheads(start=0, launch=0, run=0, shard=0, store=0, failures=0, spread=0)


def test_without_overheads_engines_share_the_work():
    backfill = simulate(100, shards=50, per_run=1, engines=10, overheads=FREE)
    assert backfill.hours == pytest.approx(10)
    assert backfill.efficiency == pytest.approx(1)


def test_what_does_not_divide_leaves_engines_idle_at_the_end():
    backfill = simulate(11, shards=11, per_run=1, engines=10, overheads=FREE)
    assert backfill.hours == pytest.approx(2)
    assert backfill.spent["idle at the end"] == pytest.approx(9)
    assert backfill.limit == "idle at the end"


def test_each_run_pays_its_start_and_each_shard_its_requests():
    overheads = Overheads(start=60, launch=0, run=10, shard=1, store=4, failures=0, spread=0)
    backfill = simulate(1, shards=40, per_run=8, engines=1, overheads=overheads)
    assert backfill.hours * 3600 == pytest.approx(3600 + 5 * (60 + 10) + 40 * (1 + 4))
    assert backfill.limit == "engine starts"


def test_short_runs_on_many_engines_wait_for_their_launches():
    overheads = Overheads(start=0, launch=10, run=0, shard=0, store=0, failures=0, spread=0)
    backfill = simulate(1, shards=360, per_run=1, engines=100, overheads=overheads)
    assert backfill.hours * 3600 == pytest.approx(359 * 10 + 10)
    assert backfill.limit == "launches"


def test_failures_are_paid_for_at_their_rate():
    overheads = Overheads(start=600, launch=0, run=0, shard=0, store=0, window=0, failures=0.5, spread=0)
    backfill = simulate(1000, shards=1000, per_run=10, engines=4, overheads=overheads)
    expected = (1000 + 100 * 600 / 3600) * 0.5 * 600 / 3600
    assert backfill.spent["failures"] == pytest.approx(expected, rel=0.15)


def test_every_hour_of_every_engine_is_accounted_for():
    backfill = simulate(500, shards=333, per_run=4, engines=7, overheads=Overheads(start=90, failures=0.1))
    assert sum(backfill.spent.values()) == pytest.approx(backfill.hours * 7)


def test_the_best_sizes_are_no_worse_than_any_other():
    overheads = Overheads(start=120)
    chosen = best(2000, 64, overheads)
    for shards in (250, 1000, 5000):
        for per_run in (1, 8, 32):
            assert chosen.hours <= simulate(2000, shards, per_run, 64, overheads).hours + 0.001


def test_shards_of_unequal_size_are_many_for_each_engine_and_divide_by_the_engines():
    assert best(26_393, 8, Overheads(start=120)).shards >= 1000
    chosen = best(26_393, 512, Overheads(start=120))
    assert chosen.shards > 2000
    assert chosen.shards % 512 == 0
    assert best(26_393, 8, Overheads(start=120), shard_counts=(77,)).shards == 77


def test_unequal_shards_are_as_much_work_as_equal_ones():
    even, uneven = (simulate(500, 100, 1, 1, Overheads(start=0, failures=0, spread=spread)) for spread in (0, 0.3))
    assert uneven.spent["work"] == pytest.approx(even.spent["work"])
