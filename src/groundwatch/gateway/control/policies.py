"""Resource policies as an API keeps them: valid JSON, with the short form of resources written out."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.rules import MAX_POLICY_CHARACTERS
from groundwatch.gateway.definition import RestApi

_INVALID = "Invalid policy document. Please check the policy syntax and ensure that Principals are valid."
_SHORTHAND = "execute-api:/"


PolicyFault = Callable[[str], str | None]
"""Returns what is wrong with a resource policy, None when nothing is; given by `identity/`, whose language it is."""


def stored_policy(api: RestApi, policy: str | None, fault: PolicyFault) -> str | None:
    """Return a policy with every `execute-api:/…` resource expanded to the ARN of the API; empty unsets it.

    Raises BadRequestException for a document that the evaluation could not read: it would close the whole API.
    """
    if not policy:
        return None
    if len(policy) > MAX_POLICY_CHARACTERS:
        raise bad_request(f"Invalid policy document. Policy exceeds {MAX_POLICY_CHARACTERS} characters")
    try:
        document = msgspec.json.decode(policy)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_request(_INVALID) from error
    if not isinstance(document, dict) or "Statement" not in document:
        raise bad_request(_INVALID)
    document["Statement"] = _expanded(api, document["Statement"])
    stored = msgspec.json.encode(document).decode()
    # What is asked about is the text as given too: a decoder that keeps the last of two members hides the first.
    if fault(policy) is not None or fault(stored) is not None:
        raise bad_request(_INVALID)
    return stored


def _expanded(api: RestApi, statement: object) -> object:
    if isinstance(statement, list):
        return [_expanded(api, part) for part in statement]
    if not isinstance(statement, dict):
        raise bad_request(_INVALID)
    rewritten = dict(statement)
    for element in ("Resource", "NotResource"):
        if element in statement:
            rewritten[element] = _expand_resource(api, statement[element])
    return rewritten


def _expand_resource(api: RestApi, resource: object) -> object:
    if isinstance(resource, list):
        return [_expand_resource(api, part) for part in resource]
    if isinstance(resource, str) and resource.startswith(_SHORTHAND):
        prefix = f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.id}/"
        return prefix + resource.removeprefix(_SHORTHAND)
    return resource
