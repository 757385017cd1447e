"""All stages over many shards, without an orchestrator."""
