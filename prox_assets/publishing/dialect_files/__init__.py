"""The programs of a corpus in any dialect, as files that other tools read."""
