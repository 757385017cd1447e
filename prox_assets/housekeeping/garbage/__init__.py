"""Files of a lake that nothing needs: what they are, why, and removing them."""
