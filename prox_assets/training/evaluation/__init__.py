"""Evaluation: measures of a refiner on labelled pages, and the choice of a checkpoint."""
