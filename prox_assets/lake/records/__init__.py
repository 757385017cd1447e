"""What is on record beside the shards: attempts, judgements, withdrawals, exports, proofs and comparisons."""
