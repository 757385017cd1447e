"""What a model is to answer: targets of lines and documents."""
