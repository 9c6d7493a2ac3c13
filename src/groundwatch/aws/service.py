"""What a room hands to the service port: a model's name, its operations and what each is checked against.

An operation is an async method named as in the service model, in snake case (`put_log_events`), that takes the request
context and the model's input members as keyword arguments in snake case (`log_group_name`; `from_` for a member named
like a Python keyword). It returns a mapping with the model's output members (`{"nextToken": …}`), a msgspec Struct
whose encoded names are the model's, or None where the operation has no output. Timestamp members are datetimes with
zone; in outputs epoch seconds will do. Where the protocol is JSON, a `msgspec.Raw` is sent as it is; it holds no spaces
and no needless escapes, and control characters with capital digits, as the services write them. An operation whose
output has an event stream returns a `StreamingOutput`.

A model member that the method does not take is refused as not implemented when a client sends it, so nothing is
silently ignored; `docs/compatibility.md` is generated from the same signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.aws.context import AccessCheck, RequestContext

AccessRule = Callable[[str, Mapping[str, Any], RequestContext], Sequence[AccessCheck]]
"""(operation name, parsed input by model member, context) → what the policies must allow; empty needs no permission."""


class Service(msgspec.Struct, frozen=True):
    """One AWS service as this server offers it."""

    model_name: str
    """The botocore data directory, such as `logs` or `apigateway`."""
    operations: object
    """The object whose methods are the operations."""
    access: AccessRule
    signing_name: str | None = None
    """The service in the signature's scope, when it differs from `model_name`."""
