"""What this machine has (devices, cores, memory), who uses its devices, and how many of what run on it at a time."""
