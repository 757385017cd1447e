"""Noise inside lines: which spans are candidates, what is asked of them, and the calls that remove them."""
