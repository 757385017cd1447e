"""Commands for models trained on refined text: token files, settings to train with, and scores."""
