"""Training runs: recipes, batches, losses, optimisers."""
