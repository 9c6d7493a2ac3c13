"""What AWS services do differently on the wire although their models look alike: one row a service, data only."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MIB = 1024 * 1024


class WireProfile(msgspec.Struct, frozen=True):
    """Habits of one service that its model does not tell."""

    validation_codes: tuple[str, ...]
    """Codes for constraint violations; the first that the operation models, else the first."""
    max_body_bytes: int
    """Largest body that is accepted, before and after inflating it."""
    larger_bodies: Mapping[str, int] = {}
    """The same for operations that take larger ones."""
    path_has_operation: bool = False
    """Violations name a member of the body as `putIntegrationInput.type` instead of `type`."""
    too_long_messages: Mapping[str, str] = {}
    """By member name: the whole message when the member is longer than allowed."""
    signature_optional: frozenset[str] = frozenset()
    """Operations that links in messages lead to: they may be called without a signature, and then as nobody."""
    denied_code: str | None = None
    """The code of what policies do not allow, where the service has one of its own."""

    def body_bytes(self, operation: str) -> int:
        """Return how large the body of an operation's request may be."""
        return self.larger_bodies.get(operation, self.max_body_bytes)


_TOO_LONG_NAME = "Invalid LogGroup or LogStream, both must have length less than or equal to 512."

PROFILES: dict[str, WireProfile] = {
    # A batch holds 1 MiB of events, but JSON escapes may stretch each of its bytes to six.
    "logs": WireProfile(
        validation_codes=("InvalidParameterException", "ValidationException"),
        max_body_bytes=8 * MIB,
        # 10 MB of CSV, of which JSON escapes line ends and quotes.
        larger_bodies={"CreateLookupTable": 16 * MIB, "UpdateLookupTable": 16 * MIB},
        too_long_messages={"logGroupName": _TOO_LONG_NAME, "logStreamName": _TOO_LONG_NAME},
    ),
    "iam": WireProfile(validation_codes=("ValidationError",), max_body_bytes=MIB),
    "sts": WireProfile(validation_codes=("ValidationError",), max_body_bytes=MIB),
    # The documented limit of PutMetricData, by far the largest request, is 1 MB, sent or inflated.
    "cloudwatch": WireProfile(validation_codes=("ValidationException",), max_body_bytes=MIB),
    # A message of 1 MiB, of whose bytes a form may make three each.
    "sns": WireProfile(
        validation_codes=("ValidationError",),
        max_body_bytes=4 * MIB,
        signature_optional=frozenset({"ConfirmSubscription", "Unsubscribe"}),
        denied_code="AuthorizationError",
    ),
    # Imported definitions are the largest bodies: 6 MB.
    "apigateway": WireProfile(
        validation_codes=("ValidationException",), max_body_bytes=6 * MIB, path_has_operation=True
    ),
}
_BY_PROTOCOL: dict[str, WireProfile] = {
    "query": WireProfile(validation_codes=("ValidationError",), max_body_bytes=MIB),
}
_DEFAULT = WireProfile(validation_codes=("ValidationException",), max_body_bytes=MIB)


def find_profile(service_name: str, protocol: str) -> WireProfile:
    """Return the habits of a service, or those usual for its protocol."""
    return PROFILES.get(service_name) or _BY_PROTOCOL.get(protocol) or _DEFAULT
