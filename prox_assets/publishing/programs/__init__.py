"""Programs alone: what refining does to each document of a corpus, without the corpus's text.

Anyone who has the original applies them and gets the refined corpus byte for byte. docs/publishing.md says how.
"""
