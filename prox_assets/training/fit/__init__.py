"""Training: recipes, batches, losses, optimisers, and the runs themselves."""
