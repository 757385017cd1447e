"""Execution: what programs do to a document, in strict mode and as the released executor does it."""
