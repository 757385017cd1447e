"""What is said about a data set: its card, its Croissant file, its provenance, and what they are made from."""
