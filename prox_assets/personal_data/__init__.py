"""Personal data in texts: e-mail addresses, public IP addresses and phone numbers, found and replaced."""

from prox_assets.personal_data.finding import KINDS, Found, find, replaced

__all__ = ["KINDS", "Found", "find", "replaced"]
