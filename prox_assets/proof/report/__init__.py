"""The report of a proof: one HTML page without network."""
