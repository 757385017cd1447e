"""The refiner lab: the steps from labels to a finished refiner, independent of Dagster."""
