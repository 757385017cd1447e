"""Runs the server of pages until it is stopped."""

import ipaddress
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
    """Serve the pages until the process is stopped; exits the process if the port is taken.

    Args:
        browser: What to show.
        host: Address to listen on.
        port: Port to listen on.
        allowed_hosts: Further names by which the server may be asked, such as that of a proxy. On an address that
            others reach, any name will do unless some are given.
    """
    hosts = [*LOOPBACK, host, *allowed_hosts] if is_loopback(host) or allowed_hosts else ["*"]
    uvicorn.run(
        browser_app(browser, hosts), host=host, port=port, log_level="warning", server_header=False, access_log=False
    )
