"""Hostile programs, of ProX and of every dialect, and what must hold for them."""
