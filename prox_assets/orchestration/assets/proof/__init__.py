"""The assets of a proof by pre-training: arms, their tokens, models, scores, and the report."""
