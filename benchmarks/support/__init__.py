"""What the benchmarks share: models, pages, corpora and measurements. The commands themselves are one folder up."""
