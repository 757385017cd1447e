"""The tokens of a proof: the tokenizer, the tokens of each arm, and the stream of them that a model is trained on."""
