"""The executors."""
