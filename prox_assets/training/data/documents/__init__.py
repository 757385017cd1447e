"""Documents made for training: sound ones of kinds that labelled pages lack, and plainly bad ones."""
