"""Raw corpus files to canonical documents: source listing, formats, shards, and rejects for what cannot be read."""
