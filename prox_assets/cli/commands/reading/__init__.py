"""Commands that read a lake: its shards, its documents, and questions about them."""
