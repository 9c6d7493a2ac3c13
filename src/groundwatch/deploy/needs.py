"""What the integrations of a definition do: the actions of CloudWatch Logs, and the log groups that they name.

The operation is the constant in the mapped `X-Amz-Target`, which the service reads, else that of the URI. A group is
known as far as its name is written out; whatever a request decides makes the rest a `*`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from groundwatch.gateway.definition import Integration, Method, RestApi

LOGS_TARGET = "integration.request.header.x-amz-target"
ANY_GROUP = "*"
WITHOUT_GROUP = frozenset(
    {
        "DescribeLogGroups",
        "GetQueryResults",
        "StopQuery",
        "DescribeQueries",
        "DescribeQueryDefinitions",
        "ListLogGroups",
    }
)
"""Operations whose permission is not on a log group of its own."""
_OPERATION = re.compile(r"'Logs_20140328\.(?P<operation>[A-Za-z]+)'")
_ACTION_URI = re.compile(r":logs:action/(?P<operation>[A-Za-z]+)$")
_AWS_URI = re.compile(r"arn:aws[a-z-]*:apigateway:[^:]*:(?:[^.:]+\.)?(?P<service>[A-Za-z0-9-]+):(?:action|path)/")
_GROUP = re.compile(r'"logGroup(?:Name|Identifier)"\s*:\s*"(?P<name>[^"]*)"')
_DYNAMIC = re.compile(r"[$#{]")
_ARN_NAME = re.compile(r"arn:[^:]*:logs:[^:]*:[^:]*:log-group:(?P<name>[^:]*)")


class LogsCall(msgspec.Struct, frozen=True):
    """What one method asks of CloudWatch Logs."""

    path: str
    verb: str
    operation: str | None
    """None where the request decides which operation it is."""
    groups: tuple[str, ...]
    """Names, with a `*` for what the request decides; `*` alone for any."""
    role: str
    """The ARN in `credentials`."""


def methods_of(api: RestApi) -> Iterator[tuple[str, Method]]:
    """Yield each method with its path, in the order of the paths."""
    for resource in sorted(api.resources.values(), key=lambda each: each.path):
        for verb in sorted(resource.methods):
            yield resource.path, resource.methods[verb]


def service_of(integration: Integration | None) -> str | None:
    """Return the AWS service that an integration calls, None for others."""
    if integration is None or integration.type not in ("AWS", "AWS_PROXY"):
        return None
    match = _AWS_URI.match(integration.uri or "")
    return match["service"] if match else None


def logs_calls(api: RestApi) -> list[LogsCall]:
    """Return every call of CloudWatch Logs in the definition."""
    calls = []
    for path, method in methods_of(api):
        integration = method.integration
        if integration is not None and service_of(integration) == "logs":
            operation = _operation(integration)
            groups = (ANY_GROUP,) if operation in WITHOUT_GROUP else _groups(integration)
            calls.append(LogsCall(path, method.http_method, operation, groups, integration.credentials or ""))
    return calls


def _operation(integration: Integration) -> str | None:
    targets = {name.lower(): value for name, value in integration.request_parameters.items()}
    mapped = targets.get(LOGS_TARGET)
    constant = _OPERATION.fullmatch(mapped) if mapped is not None else None
    if constant is not None:
        return constant["operation"]
    # Where a request names the operation, the URI says which one is meant, and the role allows no other.
    match = _ACTION_URI.search(integration.uri or "")
    return match["operation"] if match else None


def _groups(integration: Integration) -> tuple[str, ...]:
    found = [match["name"] for template in integration.request_templates.values() for match in _named(template)]
    return tuple(sorted({_known_part(name) for name in found})) or (ANY_GROUP,)


def _named(template: str | None) -> Iterable[re.Match[str]]:
    return _GROUP.finditer(template or "")


def _known_part(text: str) -> str:
    """Return the part of a name in a template that no request changes, with a `*` for the rest."""
    arn = _ARN_NAME.match(text)
    name = arn["name"] if arn else text
    dynamic = _DYNAMIC.search(name)
    return name if dynamic is None else name[: dynamic.start()] + ANY_GROUP
