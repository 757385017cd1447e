"""A token n-gram model: fitted in seconds, without a device."""
