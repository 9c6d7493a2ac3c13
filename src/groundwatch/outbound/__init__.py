"""HTTP to addresses that users name: integrations, authorizers and key sets.

A name is resolved here, every address that it has is checked, and the connection goes to a checked address: there is
nothing that could resolve the name a second time. Loopback, link-local, private and other addresses that are not of the
public Internet are refused unless the operator allows them. Redirects are answers like any other, and proxies of the
environment are not used.

    OutboundError                the backend gave no answer
    ├── RefusedDestinationError  the URL or an address of its host may not be used
    ├── OutboundTimeoutError     there was no whole answer in time
    └── AnswerTooLargeError      the answer has more bytes than may be read
"""

from __future__ import annotations

from groundwatch.outbound.answers import OutboundAnswer
from groundwatch.outbound.client import OutboundClient
from groundwatch.outbound.destinations import OutboundRules, is_public, parse_url
from groundwatch.outbound.errors import (
    AnswerTooLargeError,
    OutboundError,
    OutboundTimeoutError,
    RefusedDestinationError,
)

__all__ = [
    "AnswerTooLargeError",
    "OutboundAnswer",
    "OutboundClient",
    "OutboundError",
    "OutboundRules",
    "OutboundTimeoutError",
    "RefusedDestinationError",
    "is_public",
    "parse_url",
]
