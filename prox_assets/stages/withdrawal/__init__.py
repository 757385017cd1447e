"""Taking shards and documents out of a corpus, so that no later run brings them back."""
