"""One module per asset: its key, dependencies, pool, retries and metadata, and the call of its stage."""
