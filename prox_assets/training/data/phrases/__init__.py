"""The phrases that synthetic documents are made of."""
