"""Building refiners: seed annotation, training sets, training, evaluation.

This is the work behind the lab's assets, without Dagster.
"""
