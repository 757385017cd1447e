"""Tests of `infra/`: what can be held of a deployment without building its images."""
