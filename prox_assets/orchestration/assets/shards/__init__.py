"""The assets with a partition for each shard, and how one step makes them."""
