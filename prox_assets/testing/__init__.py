"""What tests and benchmarks share: tiny models, servers, deployments, hostile programs.

Nothing of the product imports it.
"""
