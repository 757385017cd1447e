"""Token files: written, read back by trainers' own readers, resumed, and documents taken out of them."""
