"""Training examples for noise inside lines: real spans, synthetic noise, and hard negatives."""
