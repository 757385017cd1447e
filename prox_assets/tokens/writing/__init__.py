"""Writing token files: shards in any format, one by one or in several processes, and the manifest."""
