"""Making refiners: seed annotation, training sets, training, evaluation.

Belongs here: what the lab's assets do, without Dagster. Not here: running a finished refiner (refiners, engines).
"""
