"""An interpolated token n-gram model with absolute discounting: minutes of training, and no noise but the order."""
