"""Commands that watch a lake: checks, drift, numbers, and what has been spent."""
