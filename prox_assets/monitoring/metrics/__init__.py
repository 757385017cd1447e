"""What is measured of one shard."""
