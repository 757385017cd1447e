"""Running stages anywhere: one entry point that takes a request as JSON and tells what happens as JSON lines."""
