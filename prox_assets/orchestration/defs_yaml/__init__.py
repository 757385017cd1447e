"""What our components have in common: reading a defs.yaml, its schema, its template, and what is wrong with it."""
