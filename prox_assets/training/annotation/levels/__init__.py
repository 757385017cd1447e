"""The two levels of annotation, documents and chunks: what is asked about each, and what its answers mean."""
