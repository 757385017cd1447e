"""All Dagster code: the RefinedCorpus component and what it builds for a corpus.

Nothing here computes: assets call `prox_assets.stages` and report what came of it. Nothing here, nor anything it
imports, may import torch, vllm or transformers at module level; the code server stays light and starts fast.
"""
