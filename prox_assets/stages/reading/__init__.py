"""From files somewhere to shards of the lake: which there are, and the asset `raw_shards`."""
