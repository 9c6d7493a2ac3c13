"""The URI of an AWS integration: which service, where, and what is asked of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from groundwatch.gateway.integrations.sending import check_segments
from groundwatch.gateway.mapping.errors import MappingError

_URI = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):apigateway:(?P<region>[a-z0-9-]+)"
    r":(?:(?P<subdomain>[^.:]+)\.)?(?P<service>[A-Za-z0-9-]+):(?P<kind>action|path)/(?P<rest>.*)",
    re.DOTALL,
)
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9._$-]+)\+?\}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_ACTION = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """Where an AWS integration goes."""

    service: str
    region: str
    kind: Literal["action", "path"]
    path: str
    """Percent-encoded, starting with `/`; `/` for actions."""
    action: str | None
    subdomain: str | None
    host: str
    """The public endpoint's name."""


def fill_stage_variables(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${stageVariables.name}`.

    Raises:
        MappingError: for a variable that the stage does not have.
    """

    if "${" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        found = variables.get(match.group(1))
        if not found:
            raise MappingError("Invalid endpoint address")
        return found

    return _STAGE_VARIABLE.sub(value, text)


def parse_aws_uri(uri: str, path_parameters: Mapping[str, str]) -> AwsTarget:
    """Read an integration's URI and fill its `{name}` placeholders.

    Values are percent-encoded, except for slashes, so that a greedy parameter or an object key stays a path.

    Raises:
        MappingError: for text that is no such URI, and for a placeholder without value.
        GatewayError: 400 for values that would lead elsewhere, with `.` or `..` as a segment.
    """
    return _parse(uri, path_parameters) if "{" in uri else _parse_fixed(uri)


@functools.lru_cache(maxsize=1024)
def _parse_fixed(uri: str) -> AwsTarget:
    return _parse(uri, {})


def _parse(uri: str, path_parameters: Mapping[str, str]) -> AwsTarget:
    match = _URI.fullmatch(uri)
    if match is None:
        raise MappingError("Invalid ARN specified in the request")
    rest, subdomain = match["rest"], match["subdomain"]
    kind: Literal["action", "path"] = "action" if match["kind"] == "action" else "path"
    if kind == "action" and not _ACTION.fullmatch(rest):
        raise MappingError("Invalid ARN specified in the request")
    label = "" if subdomain is None else _host_label(_fill(subdomain, path_parameters))
    return AwsTarget(
        service=match["service"],
        region=match["region"],
        kind=kind,
        path="/" if kind == "action" else _path(rest, path_parameters),
        action=rest if kind == "action" else None,
        subdomain=label or None,
        host=f"{label}{'.' if label else ''}{match['service']}.{match['region']}.amazonaws.com",
    )


def _path(text: str, parameters: Mapping[str, str]) -> str:
    filled = "/" + _fill(text.removeprefix("/"), parameters)
    if "{" in text:
        # What is encoded once more than this is the service's to read.
        check_segments(unquote(filled))
    return filled


def _fill(text: str, parameters: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        found = parameters.get(match.group(1))
        if found is None:
            raise MappingError(f"Invalid endpoint address: no value for {{{match.group(1)}}}")
        return quote(found, safe="/")

    return _PLACEHOLDER.sub(value, text)


def _host_label(text: str) -> str:
    if not _HOST_LABEL.fullmatch(text):
        raise MappingError("Invalid endpoint address")
    return text
