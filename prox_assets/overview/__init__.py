"""All corpora of a lake at a glance: one page, one JSON document, one table in the terminal.

docs/monitoring.md says what it shows and what it costs.
"""
