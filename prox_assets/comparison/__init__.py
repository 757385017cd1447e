"""Several refiners on the same raw files: what each keeps, how far they agree, what each costs, where they differ.

docs/comparing.md says what is measured and how.
"""
