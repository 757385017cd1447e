"""Commands that remove from a lake: documents, shards, and what nothing needs."""
