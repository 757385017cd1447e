"""The engine that runs vLLM, by default in a separate process."""
