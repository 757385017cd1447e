"""Turns raw corpus files into canonical documents: source listing, formats, shards, and rejects for unreadable rows."""
