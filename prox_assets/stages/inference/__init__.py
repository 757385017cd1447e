"""Writing programs: windows of documents that survive a kill, and the two tables of programs they become."""
