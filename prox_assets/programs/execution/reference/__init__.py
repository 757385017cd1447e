"""The released executors, reproduced byte for byte, defects included."""
