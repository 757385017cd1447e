"""Models, pages, corpora and measurements shared by the benchmarks, whose commands are one folder up."""
