"""Programs of a corpus in the dialects of other refiners."""
