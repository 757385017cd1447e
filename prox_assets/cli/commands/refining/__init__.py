"""Commands that refine: what it will cost, doing it, doing it again, and comparing refiners."""
