"""Token files that trainers read: any table or arm of the lake, by any tokenizer, in the formats of today's trainers.

docs/tokens.md says how to use it.
"""
