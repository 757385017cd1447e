"""Ports on loopback."""

import socket


def free_port() -> int:
    """Return a port on which nothing listens right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
