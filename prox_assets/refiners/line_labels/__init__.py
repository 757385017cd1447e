"""The line-labels dialect: a model says of each line whether it stays."""
