"""Runs the server of pages until it is stopped."""

import ipaddress
import socket
from collections.abc import Sequence

import uvicorn

from prox_assets.browser.app import LOOPBACK, browser_app
from prox_assets.browser.settings import Browser


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(browser: Browser, host: str, port: int, allowed_hosts: Sequence[str] = ()) -> None:
    """Serve the pages until the process is stopped.

    Args:
        browser: What to show.
        host: Address to listen on.
        port: Port to listen on.
        allowed_hosts: Further names by which the server may be asked, such as that of a proxy. On an address that
            others reach, any name will do unless some are given.

    Raises:
        OSError: The address cannot be listened on, as when the port is taken.
    """
    hosts = [*LOOPBACK, host, *allowed_hosts] if is_loopback(host) or allowed_hosts else ["*"]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        app = browser_app(browser, hosts)
        config = uvicorn.Config(app, log_level="warning", server_header=False, access_log=False)
        uvicorn.Server(config).run(sockets=[listener])
