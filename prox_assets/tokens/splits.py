"""Which split a site is in."""

from collections.abc import Mapping

from prox_assets.proof.chance import chance_of

TRAIN = "train"
"""The split of all sites that no other gets."""


def split_of(site: str, splits: Mapping[str, float], seed: int) -> str:
    """Return the split of a site. It follows from its name and the seed alone, so that no site is in two.

    With the same seed, what a proof holds out is in the first split of that size.

    Args:
        site: The site.
        splits: Further splits beside TRAIN, in order, each with its share of the sites.
        seed: The seed.
    """
    chance = chance_of(seed, "site", site)
    for split, share in splits.items():
        if chance < share:
            return split
        chance -= share
    return TRAIN
