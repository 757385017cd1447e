"""Refiner errors meant for the user: each message names the cause and the remedy."""


class RefinerError(Exception):
    """A refiner cannot be set up or used as configured."""


class ProbeError(RefinerError):
    """The prompt-format probe refused the refiner; the message says what each format did."""
