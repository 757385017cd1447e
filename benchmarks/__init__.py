"""Commands that run the real thing and print ratios; never timed tests. See README.md for each."""
