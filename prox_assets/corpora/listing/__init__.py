"""Which raw files a corpus has: lists globs and folders on any file system, strictly, and holds a million files."""
