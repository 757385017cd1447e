"""The texts of a proof: its documents in order, what refiners made of them, and their main content as people see it."""
