"""The version of the classifier's features."""

# Raise this when features change in a way that the model's file does not show; it marks stored programs as outdated.
CLASSIFIER_VERSION = 1
