"""Which API, stage and path a request is for, from its host and path.

Two forms are understood: the service's own, where the host begins with `{apiId}.execute-api.` and the path with the
stage; and for any other host a path that begins with API id and stage, so that no DNS is needed.
"""

from __future__ import annotations

import re

from groundwatch.gateway.runtime.exchange import Target

_API_HOST = re.compile(r"([A-Za-z0-9-]+)\.execute-api\.[A-Za-z0-9.-]+")
_API_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_STAGE = re.compile(r"[A-Za-z0-9_-]{1,128}")


def resolve(host: str, path: str, domain: str) -> Target | None:
    """Return what a request is for; None when host and path name no API and stage.

    `domain` completes the host name that is shown for requests in path style, such as `us-east-1.amazonaws.com`.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    match = _API_HOST.fullmatch(name)
    if match is not None:
        api_id, rest, shown = match.group(1), path, name
    else:
        _, api_id, rest = _split(path)
        shown = f"{api_id}.execute-api.{domain}"
    _, stage_name, below = _split(rest)
    if not _API_ID.fullmatch(api_id) or not _STAGE.fullmatch(stage_name):
        return None
    return Target(api_id=api_id, stage_name=stage_name, path=below or "/", domain_name=shown)


def names_api(host: str) -> bool:
    """Tell whether the host alone names an API, so that every path belongs to it."""
    return _API_HOST.fullmatch(host.rpartition(":")[0] or host) is not None


def _split(path: str) -> tuple[str, str, str]:
    """Split `/first/rest` into `/`, `first` and `/rest`."""
    first, slash, rest = path.removeprefix("/").partition("/")
    return "/", first, slash + rest
