"""The `rules` refiner: published heuristics write the programs, without a model."""
