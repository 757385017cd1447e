"""How good a refiner is: measures on labelled pages, and the choice of a checkpoint."""
