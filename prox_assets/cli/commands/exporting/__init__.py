"""Commands that give away what refining made, and that take in what others gave away."""
