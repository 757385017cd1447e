"""One folder per corpus, each with a defs.yaml of type prox_assets.RefinedCorpus."""
