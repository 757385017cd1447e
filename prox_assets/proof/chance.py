"""Chance that depends on names alone: the same on every machine, in any order, whatever else is drawn."""

import xxhash

_VALUES = 2**64


def chance_of(seed: int, *names: object) -> float:
    """Return a number from [0, 1) that seems random and is a hash of the seed and the names."""
    return xxhash.xxh3_64_intdigest("\x00".join(map(str, (seed, *names))).encode("utf-8", "surrogatepass")) / _VALUES
