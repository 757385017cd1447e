"""Examples of noise inside lines: real ones, synthetic ones, and hard negatives."""
