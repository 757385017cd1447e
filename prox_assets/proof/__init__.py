"""Proof by pre-training: are models trained on refined text better than those trained on something else?

`arms` selects what each contestant is trained on, `pretraining` and `ngram` train, `evaluation` scores, `statistics`
judges, and `report` says what was found. docs/proof.md says how to use it.
"""
