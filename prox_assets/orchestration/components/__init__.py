"""The components that a defs.yaml names: what each one's settings become in Dagster."""
