"""Pre-training small Llamas, and continuing the training of pretrained ones."""
