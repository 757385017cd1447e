"""The line-labels dialect: a model labels each line keep or remove."""
