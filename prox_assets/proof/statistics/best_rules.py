"""The best rules: an arm put together of several, because the best of several is better by luck alone.

Rules that are chosen on the texts that they are judged on look better than they are. So the sites of an evaluation set
are halved, and each half is scored by the arm of rules that is best on the other half (cross-fitting: Chernozhukov et
al. 2018, Econometrics Journal 21, C1, section 3). Every site counts, and none has chosen its own judge.
"""

from collections.abc import Sequence

import numpy as np
import xxhash

from prox_assets.proof.statistics.scores import Cell

BEST_RULES = "best_rules"


def with_best_rules(cell: Cell, arms: Sequence[str], seed: int) -> tuple[Cell, tuple[str, ...]]:
    """Return a cell with the arm best_rules, and the arms that it is put together from: one for each half.

    Args:
        cell: Scores on an evaluation set.
        arms: The arms of kind rules.
        seed: Seed of the halves.

    Returns:
        The same cell and no arms if none of them has scores, or if there is a single site.
    """
    there = [arm for arm in arms if arm in cell.sums]
    seeds = cell.shared_seeds(*there) if there else ()
    if not seeds or len(cell.sites) < 2:
        return cell, ()
    halves = _halves(cell.sites, seed)
    means = {arm: np.mean([cell.sums[arm][number] for number in seeds], axis=0) for arm in there}
    chosen = [max(there, key=lambda arm: cell.sign * means[arm][halves != half].sum()) for half in (0, 1)]
    sums = {
        number: np.where(halves == 0, cell.sums[chosen[0]][number], cell.sums[chosen[1]][number]) for number in seeds
    }
    together = Cell(
        cell.model,
        cell.budget,
        cell.evaluation,
        cell.measure,
        cell.sites,
        cell.items,
        cell.weights,
        {**cell.sums, BEST_RULES: sums},
    )
    return together, tuple(chosen)


def _halves(sites: Sequence[str], seed: int) -> np.ndarray:
    """Return 0 or 1 for each site; the sites of a half are the same in every evaluation set that has the same sites."""
    order = sorted(
        range(len(sites)), key=lambda place: xxhash.xxh64_intdigest(sites[place].encode(), seed & 0xFFFF_FFFF)
    )
    halves = np.zeros(len(sites), dtype=np.int8)
    halves[order[1::2]] = 1
    return halves
