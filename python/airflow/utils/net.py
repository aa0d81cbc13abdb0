"""The host's names."""

from __future__ import annotations

import socket


def getfqdn(name: str = "") -> str:
    """The full name of the host."""
    return socket.getfqdn(name)


get_hostname = getfqdn


def get_host_ip_address() -> str:
    """Its address."""
    return socket.gethostbyname(getfqdn())
