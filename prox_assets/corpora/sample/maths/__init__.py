"""The maths sample: pages about mathematics in the form of OpenWebMath, each line labelled as formula, prose or noise.

`*.txt` hold the text and the labels, `build.py` builds the shard from them.
"""
