"""The data that refiners learn from: labelled pages, targets, examples, training sets."""
