"""A refiner as an adapter of a pretrained base: a few megabytes that become a plain model folder at first use."""
