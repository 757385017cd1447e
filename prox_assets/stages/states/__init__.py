"""What is current: what makes the file of a stage stale, and what is there of a shard."""
