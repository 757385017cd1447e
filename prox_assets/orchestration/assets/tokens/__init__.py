"""The assets of token files: one per corpus, or one of an arm, and their manifest with the run cards."""
