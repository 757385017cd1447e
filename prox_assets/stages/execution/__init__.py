"""Applying stored programs: the shard's refined tables, and the replay that compares with them."""
