"""Presence, choice, JSON and addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.functions.function import Checked, Function, Parameter, texts
from groundwatch.logs.insights.values import Value, as_condition, as_number, as_text, is_present

MAX_BRANCHES = 10
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""RFC 1918."""
RESERVED = (
    *("0.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("::/127", "64:ff9b:1::/48", "100::/64", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8"),
)
"""The special-purpose registries of IANA (RFC 6890), multicast and documentation, without RFC 1918."""


def _unmasked(call: Checked) -> Value:
    # Policies that mask are refused (PutDataProtectionPolicy), so there is nothing to take off. The caller must be
    # allowed to all the same (access.py): a query that is denied on the service is denied here.
    return call.values[0]


def _is_present(call: Checked) -> str:
    return is_present(call.values[0])


def _is_numeric(call: Checked) -> str:
    return f"isNotNull({as_number(call.values[0])})"


def _coalesce(call: Checked) -> Value:
    return _combined(call.values, lambda parts: f"coalesce({', '.join(parts)})")


def _if(call: Checked) -> Value:
    condition = call.sql[0]
    return _combined(call.values[1:], lambda parts: f"if({condition}, {parts[0]}, {parts[1]})")


def _case(call: Checked) -> Value:
    pairs, last = divmod(len(call.values), 2)
    if not 1 <= pairs <= MAX_BRANCHES:
        raise malformed(f"case has between 1 and {MAX_BRANCHES} branches", call.span)
    conditions = [as_condition(value) for value in call.values[: 2 * pairs : 2]]
    results = [*call.values[1 : 2 * pairs : 2], *(call.values[-1:] if last else ())]

    def joined(parts: Sequence[str]) -> str:
        branches = [f"{condition}, {part}" for condition, part in zip(conditions, parts, strict=False)]
        return f"multiIf({', '.join(branches)}, {parts[-1] if last else 'NULL'})"

    return _combined(results, joined)


def _combined(values: Sequence[Value], join: Callable[[Sequence[str]], str]) -> Value:
    """Join numbers or times as such, and values of other or several kinds as text."""
    kinds = {value.kind for value in values}
    if kinds in ({"number"}, {"time"}):
        return Value("number" if "number" in kinds else "time", join([value.sql for value in values]))
    return Value("text", join([f"toNullable({as_text(value)})" for value in values]))


def _json_parse(call: Checked) -> str:
    return f"if(JSONType(ifNull({call.sql[0]}, '')) IN ('Object', 'Array'), {call.sql[0]}, NULL)"


def _json_stringify(call: Checked) -> str:
    return f"nullIf(JSONExtractRaw(ifNull({call.sql[0]}, '')), '')"


def _array_size(call: Checked) -> str:
    document = f"ifNull({call.sql[0]}, '')"
    return f"if(JSONType({document}) = 'Array', toFloat64(JSONLength({document})), NULL)"


def _array_contains(call: Checked) -> str:
    document = f"ifNull({call.sql[0]}, '')"
    return f"ifNull(has(JSONExtract({document}, 'Array(String)'), ifNull({call.sql[1]}, '')), 0)"


def _in_subnet(call: Checked, versions: Sequence[int]) -> str:
    try:
        network = ipaddress.ip_network(call.constant(1), strict=False)
    except ValueError as error:
        raise malformed(f"{call.constant(1)[:50]} is no network in CIDR form", call.nodes[1].span) from error
    if network.version not in versions:
        return "0"
    return _in_network(call, str(network), network.version)


def _in_network(call: Checked, network: str, version: int) -> str:
    text = f"ifNull({call.sql[0]}, '')"
    valid, any_address = f"isIPv{version}String({text})", "0.0.0.0" if version == 4 else "::"  # noqa: S104 - a stand-in
    # The engine fails at text that is no address, whatever stands beside the call.
    inside = f"isIPAddressInRange(if({valid}, {text}, '{any_address}'), {call.pipeline.bind(network, 'String')})"
    return f"({valid} AND {inside})"


def _in_any_subnet(call: Checked) -> str:
    return _in_subnet(call, (4, 6))


def _in_v4_subnet(call: Checked) -> str:
    return _in_subnet(call, (4,))


def _in_v6_subnet(call: Checked) -> str:
    return _in_subnet(call, (6,))


def _is_private(call: Checked) -> str:
    return f"({' OR '.join(_in_network(call, network, 4) for network in PRIVATE)})"


def _is_reserved(call: Checked) -> str:
    return f"({' OR '.join(_in_network(call, network, version) for version, network in _versions(RESERVED))})"


def _is_public(call: Checked) -> str:
    text = f"ifNull({call.sql[0]}, '')"
    special = " OR ".join(_in_network(call, network, version) for version, network in _versions((*PRIVATE, *RESERVED)))
    return f"((isIPv4String({text}) OR isIPv6String({text})) AND NOT ({special}))"


def _versions(networks: Sequence[str]) -> list[tuple[int, str]]:
    return [(6 if ":" in network else 4, network) for network in networks]


ANY = Parameter("value", "any")
SUBNET = (*texts("address"), Parameter("cidr", "constant"))
V4, V6 = "isIPv4String(ifNull({0}, ''))", "isIPv6String(ifNull({0}, ''))"

GENERAL = (
    Function("ispresent", (ANY,), "boolean", _is_present, "1 if the field exists; an empty text exists."),
    Function("coalesce", (Parameter("value", "any", repeated=True),), "text", _coalesce, "The first that is not null."),
    Function(
        "case",
        (ANY, ANY, Parameter("value", "any", optional=True, repeated=True)),
        "text",
        _case,
        "The value behind the first condition that holds, else the last one alone, else null.",
    ),
    Function("if", (Parameter("condition", "condition"), ANY, ANY), "text", _if, "One of two values."),
    Function("isNumeric", (ANY,), "boolean", _is_numeric, "1 if the value is or looks like a number."),
    Function("messageSize", texts("text"), "number", "toFloat64(length({0}))", "Bytes of UTF-8."),
    Function("jsonParse", (Parameter("text", "document"),), "json", _json_parse, "The object or array in a text."),
    Function("jsonStringify", (Parameter("value", "document"),), "text", _json_stringify, "A map or list as text."),
    Function("jsonArraySize", (Parameter("array", "document"),), "number", _array_size, "Elements of a JSON array."),
    Function(
        "jsonArrayContains",
        (Parameter("array", "document"), *texts("element")),
        "boolean",
        _array_contains,
        "1 if a JSON array has the element.",
    ),
    Function("isValidIp", texts("address"), "boolean", f"({V4} OR {V6})", "1 for an IP address."),
    Function("isValidIpV4", texts("address"), "boolean", V4, "1 for an IPv4 address."),
    Function("isValidIpV6", texts("address"), "boolean", V6, "1 for an IPv6 address."),
    Function("isIpInSubnet", SUBNET, "boolean", _in_any_subnet, "1 if the network has the address."),
    Function("isIpv4InSubnet", SUBNET, "boolean", _in_v4_subnet, "The same for IPv4 alone."),
    Function("isIpv6InSubnet", SUBNET, "boolean", _in_v6_subnet, "The same for IPv6 alone."),
    Function("isPrivateIP", texts("address"), "boolean", _is_private, "1 for an address of RFC 1918."),
    Function("isPublicIP", texts("address"), "boolean", _is_public, "1 for an address of the open internet."),
    Function("isReservedIP", texts("address"), "boolean", _is_reserved, "1 for a special-purpose address (RFC 6890)."),
    Function("unmask", (Parameter("value", "any"),), "text", _unmasked, "The value itself: nothing is masked here."),
    Function(
        "ipv4ToNumber", texts("address"), "number", "toFloat64(IPv4StringToNumOrNull({0}))", "The address as a number."
    ),
)
