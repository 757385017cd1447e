"""Data sets to publish: folders ready for a hub, with text or with programs alone, and what proves them sound.

docs/publishing.md says how to use it.
"""
