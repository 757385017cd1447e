"""One module per asset: its spec, and the call of its stage.

Belongs here: keys, dependencies, pools, retries, metadata. Not here: what is done to a shard (`prox_assets.stages`).
"""
