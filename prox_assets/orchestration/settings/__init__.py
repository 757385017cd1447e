"""What a defs.yaml may say about each component, and what assets and checks need to know of it."""
