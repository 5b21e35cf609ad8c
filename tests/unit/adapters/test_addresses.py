"""Which addresses a request may go to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.addresses import RefusedAddressError, is_public, public_socket


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",  # carrier-grade NAT
        "169.254.169.254",  # the metadata service of every large cloud
        "168.63.129.16",  # Azure's host machine
        "192.0.2.1",  # documentation
        "198.18.0.1",  # benchmarks
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:168.63.129.16",
        "::127.0.0.1",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:a9fe:a9fe::1",
        "2001:0:5ef5:79fd:0:0:f5ff:fffe",  # Teredo with client 10.0.0.1
    ],
)
def test_address_that_is_not_public_is_refused(address: str) -> None:
    """Private, local, reserved and platform addresses are refused, also inside IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "2606:4700::1111",
        "2a00:1450:4001:82a::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_address_is_allowed(address: str) -> None:
    """What everybody can reach may be a provider."""
    assert is_public(address)


@given(st.sampled_from(["10.0.0.0", "169.254.0.0"]), st.integers(0, 65_535))
def test_private_address_is_refused_in_every_ipv6_clothing(network: str, host: int) -> None:
    """Writing an IPv4 address as IPv6, by any of the known ways, changes nothing."""
    address = IPv4Address(network) + host
    high, low = divmod(int(address), 65_536)
    dressed = [f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}", f"2002:{high:x}:{low:x}::1"]
    assert not any(is_public(each) for each in [str(address), *dressed])


def test_no_socket_is_made_for_a_private_address() -> None:
    """The check stands before the connection, on the address that was resolved."""
    with pytest.raises(RefusedAddressError):
        public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))).close()
