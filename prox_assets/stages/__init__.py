"""What each asset does to one shard, without Dagster: the command line and the Dagster assets both call these.

One module per asset, and beside them the plan (a corpus's whole configuration), discovery, and the windowed inference
that the two program stages share. Stages read and write the lake and know nothing of who runs them.
"""
