"""What training and inference cost in floating-point operations, and when refining pays."""
