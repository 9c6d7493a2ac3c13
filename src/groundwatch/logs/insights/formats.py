"""Fields of messages that are no JSON: reports of Lambda functions, and VPC flow logs in the default format.

A line is recognized by its shape, whatever group it is in (User Guide, supported logs and discovered fields, says only
which fields there are).
"""

from __future__ import annotations

from groundwatch.logs.insights.values import Value, double_text

MEGABYTE = 1_000_000
"""Bytes of what Lambda's reports call an MB, as the service counts them."""
INVOCATION = "^(?:START|END|REPORT) RequestId: "
REPORT = r"(?s)^REPORT RequestId: .*"
LAMBDA_TEXTS = {
    "@type": "^(START|END|REPORT) RequestId: ",
    "@requestId": rf"{INVOCATION}([0-9A-Za-z-]+)",
    "@xrayTraceId": rf"{REPORT}\tXRAY TraceId: (\S+)",
    "@xraySegmentId": rf"{REPORT}\tSegmentId: (\S+)",
}
LAMBDA_NUMBERS = {
    "@duration": (r"\tDuration: ([0-9.]+) ms", 1),
    "@billedDuration": (r"\tBilled Duration: ([0-9.]+) ms", 1),
    "@initDuration": (r"\tInit Duration: ([0-9.]+) ms", 1),
    "@memorySize": (r"\tMemory Size: ([0-9]+) MB", MEGABYTE),
    "@maxMemoryUsed": (r"\tMax Memory Used: ([0-9]+) MB", MEGABYTE),
}
"""Where a number stands, and what it is counted in: milliseconds, bytes."""
FLOW_FIELDS = (
    *("version", "accountId", "interfaceId", "srcAddr", "dstAddr", "srcPort", "dstPort", "protocol", "packets"),
    *("bytes", "startTime", "endTime", "action", "logStatus"),
)
"""In the order of the default format (VPC User Guide, flow log records)."""
ADDRESS = r"(?:[0-9a-fA-F.:]+|-)"
COUNT = r"(?:[0-9]+|-)"
FLOW_LINE = (
    rf"^[0-9] (?:[0-9]{{12}}|unknown|-) eni-\S+ {ADDRESS} {ADDRESS} {COUNT} {COUNT} {COUNT} {COUNT} {COUNT} "
    r"[0-9]+ [0-9]+ (?:ACCEPT|REJECT|-) (?:OK|NODATA|SKIPDATA)$"
)
DNS_FIELDS = (
    *("version", "queryTimestamp", "hostZoneId", "queryName", "queryType", "responseCode", "protocol", "edgeLocation"),
    *("resolverIp", "ednsClientSubnet"),
)
"""Of Route 53's logs of public queries, in their order (Route 53 Developer Guide, DNS query logging)."""
DNS_LINE = (
    r"^[0-9]+\.[0-9]+ [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z Z[0-9A-Z]+ \S+ [A-Z0-9]+ [A-Z]+ (?:UDP|TCP) [0-9A-Z-]+ "
    r"[0-9a-fA-F.:]+ [0-9a-fA-F.:/-]+$"
)
LINES = ((FLOW_FIELDS, FLOW_LINE), (DNS_FIELDS, DNS_LINE))
"""Lines whose fields stand between blanks: the names in their order, and what such a line looks like."""


def lambda_pattern(name: str) -> str | None:
    """Return the regular expression whose group holds a field of Lambda, None for other names."""
    if name in LAMBDA_NUMBERS:
        return REPORT[: -len(".*")] + ".*?" + LAMBDA_NUMBERS[name][0]
    return LAMBDA_TEXTS.get(name)


def lambda_value(name: str, found: str) -> Value:
    """Return the value of such a field, from the column with what its expression found."""
    if name not in LAMBDA_NUMBERS:
        return Value("text", f"nullIf({found}, '')")
    number = f"(toFloat64OrNull({found}) * {LAMBDA_NUMBERS[name][1]})"
    shown = f"if(isNull({number}), NULL, {double_text(f'ifNull({number}, 0)')})"
    return Value("text", shown, number=number)
