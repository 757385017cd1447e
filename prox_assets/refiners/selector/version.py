"""The version of what selectors compute."""

# Raise this when scores change in a way that a selector's files do not show; it marks stored programs as outdated.
SELECTOR_VERSION = 1
