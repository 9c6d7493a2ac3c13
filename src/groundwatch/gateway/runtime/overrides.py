"""What templates change beside their output: `$context.requestOverride` and `$context.responseOverride`."""

from __future__ import annotations

from dataclasses import dataclass, field

from groundwatch.gateway.mapping.values import ContextMap, OverrideMap, VtlValue


@dataclass(slots=True)
class Overrides:
    """The overrides made so far, as plain values; each evaluation of a template works on maps of its own."""

    header: dict[str, VtlValue] = field(default_factory=dict)
    querystring: dict[str, VtlValue] = field(default_factory=dict)
    path: dict[str, VtlValue] = field(default_factory=dict)
    response_header: dict[str, VtlValue] = field(default_factory=dict)
    response_status: VtlValue = None

    def request_map(self) -> ContextMap:
        """Return `$context.requestOverride` for one evaluation."""
        return ContextMap(
            header=OverrideMap(self.header), path=OverrideMap(self.path), querystring=OverrideMap(self.querystring)
        )

    def response_map(self) -> ContextMap:
        """Return `$context.responseOverride` for one evaluation."""
        made = OverrideMap(header=OverrideMap(self.response_header))
        if self.response_status is not None:
            made["status"] = self.response_status
        return made


def read_overrides(context: ContextMap) -> Overrides:
    """Return what a template left in its `$context`."""
    request, response = _map(context.get("requestOverride")), _map(context.get("responseOverride"))
    return Overrides(
        header=_map(request.get("header")),
        querystring=_map(request.get("querystring")),
        path=_map(request.get("path")),
        response_header=_map(response.get("header")),
        response_status=response.get("status"),
    )


def _map(value: VtlValue) -> dict[str, VtlValue]:
    return dict(value) if isinstance(value, dict) else {}
