"""Arms: which documents of the lake, and which parts of them, each contestant is trained on."""
