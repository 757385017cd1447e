"""Run cards: with which settings a base model is trained on a set of token files, in the form of each trainer."""
