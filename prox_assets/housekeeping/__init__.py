"""What leaves the lake: documents that are withdrawn, for good and everywhere, and files that nothing needs."""
