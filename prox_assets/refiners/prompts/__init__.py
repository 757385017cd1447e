"""How documents and chunks are put before a model."""
