"""Training of classifiers: of lines, and of documents."""
