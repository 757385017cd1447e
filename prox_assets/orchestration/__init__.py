"""All Dagster code: the components RefinedCorpus and RefinerLab and the definitions that they build.

Assets only call `prox_assets.stages` or `prox_assets.training` and report the results. Neither this package nor
anything that it imports may import torch, vllm or transformers at module level, so the code server stays light and
starts fast.
"""
