"""What refining will cost, before anything runs."""
