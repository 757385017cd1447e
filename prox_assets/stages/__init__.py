"""What each asset does to one shard, without Dagster: the command line and the Dagster assets both call these."""
