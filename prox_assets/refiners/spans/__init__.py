"""Noise inside lines: candidate spans, the questions asked about them, and the calls that remove them."""
