"""Pages over a lake for reading documents, served to a browser on this machine: `prox browse`.

Only `links` may be imported where start-up matters, as in Dagster's code server: it needs no web framework.
"""
