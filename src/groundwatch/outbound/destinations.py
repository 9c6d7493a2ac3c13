"""Where requests may go: URLs that are requested at all, and addresses that may be reached."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlsplit

import httpcore

from groundwatch.outbound.errors import RefusedDestinationError

DEFAULT_PORTS = {"http": 80, "https": 443}

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_TARGET_CHARACTERS = "%/:?#[]@!$&'()*+,;=-._~|^`{}<>\""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NEVER_PUBLIC: tuple[IpNetwork, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # the platform's own services on Azure machines
        "192.0.0.0/24",  # protocol assignments, in part global to Python 3.11; some machines' metadata
        "192.88.99.0/24",  # the relays of 6to4
        "::/96",  # IPv4 addresses in their old IPv6 form
        "::ffff:0:0:0/96",  # IPv4 addresses as stateless translation writes them
        "64:ff9b:1::/48",  # translation to private IPv4 addresses
        "2002::/16",  # 6to4, which ends at the IPv4 address inside
        "fec0::/10",  # site-local
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """Which addresses may be reached beside those of the public Internet."""

    networks: tuple[IpNetwork, ...] = ()
    hosts: frozenset[str] = frozenset()
    """Names in lower case, whose addresses are not checked."""
    everywhere: bool = False
    """For URLs that the operator, not a user, has given."""

    @classmethod
    def allowing(cls, entries: Iterable[str]) -> Self:
        """Return rules that also allow these: addresses, networks in CIDR form, and host names.

        Raises:
            ValueError: for an entry that is none of them.
        """
        networks: list[IpNetwork] = []
        hosts: set[str] = set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if not _HOST_NAME.fullmatch(entry) or entry.replace(".", "").isdigit():
                    raise ValueError(f"{entry!r} is neither an address nor a network nor a host name") from None
                hosts.add(entry.lower())
        return cls(tuple(networks), frozenset(hosts))

    def permit(self, host: str, address: str) -> bool:
        """Tell whether a connection to `address`, one of the addresses of `host`, is allowed."""
        if self.everywhere or host.lower() in self.hosts:
            return True
        found = _unwrapped(ipaddress.ip_address(address))
        if any(found.version == network.version and found in network for network in self.networks):
            return True
        return is_public(found)


def is_public(address: IpAddress) -> bool:
    """Tell whether an address belongs to a host on the public Internet."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address.version == network.version and address in network for network in _NEVER_PUBLIC)


def _unwrapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address where an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def parse_url(url: str) -> httpcore.URL:
    """Return a URL as it is requested: without fragment, and with everything beyond ASCII percent-encoded.

    Raises:
        RefusedDestinationError: for anything but an http or https URL with a host and without user information.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError) as error:
        raise RefusedDestinationError(f"Invalid endpoint address: {error}") from error
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or _UNSAFE.search(url):
        raise RefusedDestinationError("Invalid endpoint address")
    path = quote(parts.path or "/", safe=_TARGET_CHARACTERS)
    target = f"{path}?{quote(parts.query, safe=_TARGET_CHARACTERS)}" if parts.query else path
    return httpcore.URL(scheme=parts.scheme, host=host, port=port, target=target)
