"""Where outgoing connections may go: public addresses, seen after the name was resolved, and over TLS."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, 2.5.5.1
_PLATFORM = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public by its number, but inside Azure it is the host machine's own services."""

NOT_PUBLIC = (
    "is not a public address; providers inside private networks need"
    " INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES=true, which is the default in embedded mode"
)
"""What is wrong with an internal address, and what to do."""

PLAIN_HTTP = (
    "goes over plain http, where anybody on the way can read and change it; use https. Without it works"
    " INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES=true, which is the default in embedded mode"
)
"""What is wrong with http, and what to do. It has its place only where addresses may be internal."""

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it: family, type, protocol, canonical name, socket address."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddressError(OSError):
    """A connection to an address that is not public.

    An `OSError`, because a connection attempt may fail only with one. The text is always the same:
    aiohttp then passes this error on when a name has several such addresses.
    """

    def __init__(self) -> None:
        super().__init__("not a public address")


def is_public(text: str) -> bool:
    """Tell whether an IP address is reachable by everybody, also where IPv6 carries an IPv4 address."""
    address = ipaddress.ip_address(text)
    return all(
        each.is_global and not each.is_multicast and not each.is_reserved and each not in _PLATFORM
        for each in _carried(address) or [address]
    )


def public_socket(info: AddressInfo) -> socket.socket:
    """Make a socket for one resolved address: the last step before connecting, with no way around it.

    Raises:
        RefusedAddressError: The address is private, local, or otherwise not public.
    """
    family, kind, protocol, _, address = info
    if not is_public(address[0]):
        raise RefusedAddressError
    return socket.socket(family=family, type=kind, proto=protocol)


def _carried(address: Address) -> list[Address]:
    """List the IPv4 addresses that a router or the system would make of an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [
        carried for carried in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if carried
    ]
