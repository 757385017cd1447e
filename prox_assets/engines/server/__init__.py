"""The engine that asks a vLLM server over HTTP."""
