"""What commands print: tables, traces and progress, with hostile text made harmless."""
