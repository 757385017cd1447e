"""What each asset does to one shard, without Dagster: the command line and the Dagster assets both call these.

Each asset has one module. The others hold the plan (a corpus's whole configuration), discovery, and the windowed
inference that the two program stages share. Stages read and write the lake and do not know who runs them.
"""
