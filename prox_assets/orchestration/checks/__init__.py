"""Asset checks: a shard's tables add up, and a corpus's shards have not drifted."""
