"""How a language model is run: one protocol, three engines.

Engines know token ids, models and hardware. They know nothing of documents, prompts or programs.
"""
