"""Patterns of grok, `%{KIND:name}`, as regular expressions of RE2."""

from __future__ import annotations

import re

from groundwatch.logs.insights.errors import Span, malformed, suggestion

KINDS = {
    "WORD": r"\w+",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "INT": r"[+-]?[0-9]+",
    "NUMBER": r"[+-]?[0-9]+(?:\.[0-9]+)?",
    "BASE10NUM": r"[+-]?[0-9]+(?:\.[0-9]+)?",
    "BASE16NUM": r"(?:0[xX])?[0-9A-Fa-f]+",
    "POSINT": r"[1-9][0-9]*",
    "NONNEGINT": r"[0-9]+",
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": r"[a-zA-Z0-9._-]+",
    "UUID": r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
    "IPV4": r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}",
    "IPV6": r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+",
    "IP": r"(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+)",
    "HOSTNAME": r"[0-9A-Za-z][0-9A-Za-z.-]*",
    "HOST": r"[0-9A-Za-z][0-9A-Za-z.-]*",
    "IPORHOST": r"[0-9A-Za-z:][0-9A-Za-z.:-]*",
    "HOSTPORT": r"[0-9A-Za-z][0-9A-Za-z.-]*:[0-9]+",
    "EMAILADDRESS": r"[\w.+-]+@[0-9A-Za-z.-]+",
    "PATH": r"(?:/[^\s?*]*|[A-Za-z]:\\[^\s]*)",
    "UNIXPATH": r"/[^\s?*]*",
    "URIPATH": r"/[^\s?#]*",
    "URIPATHPARAM": r"/[^\s#]*",
    "URI": r"[A-Za-z][A-Za-z0-9+.-]*://\S+",
    "QUOTEDSTRING": r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'",
    "QS": r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'",
    "LOGLEVEL": r"(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|alert|emerg(?:ency)?)",
    "YEAR": r"[0-9]{4}",
    "MONTH": r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*",
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])",
    "MONTHDAY": r"(?:0?[1-9]|[12][0-9]|3[01])",
    "DAY": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*",
    "HOUR": r"(?:2[0-3]|[01]?[0-9])",
    "MINUTE": r"[0-5][0-9]",
    "SECOND": r"[0-5]?[0-9](?:[.,][0-9]+)?",
    "TIME": r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?",
    "TIMESTAMP_ISO8601": (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
    ),
    "HTTPDATE": r"[0-9]{2}/[A-Za-z]{3}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}",
    "SYSLOGTIMESTAMP": r"[A-Z][a-z]{2} +[0-9]{1,2} [0-9:]{8}",
}
"""What the common kinds look like, in the words of their names; simpler than logstash's, and without look-around."""
PLACE = re.compile(r"%\{(?P<kind>\w+)(?::(?P<name>[\w@.\[\]-]+))?(?::\w+)?\}")
COMMON = (
    "%{IPORHOST:clientip} %{USER:ident} %{USER:auth} \\[%{HTTPDATE:timestamp}\\] "
    '"%{WORD:verb} %{NOTSPACE:request} HTTP/%{NUMBER:httpversion}" %{NUMBER:response} (?:%{NUMBER:bytes}|-)'
)
WHOLE = {
    "COMMONAPACHELOG": COMMON,
    "COMBINEDAPACHELOG": COMMON + " %{QS:referrer} %{QS:agent}",
}


def grok_expression(pattern: str, span: Span) -> tuple[str, tuple[str, ...]]:
    """Return the regular expression of a pattern, and the names of its groups."""
    names: list[str] = []

    def expression(found: re.Match[str]) -> str:
        kind, name = found["kind"], found["name"]
        if kind in WHOLE:
            return PLACE.sub(expression, WHOLE[kind])
        if kind not in KINDS:
            raise malformed(f"unknown kind %{{{kind}}} of grok{suggestion(kind, KINDS)}", span)
        if name is None:
            return f"(?:{KINDS[kind]})"
        names.append(name)
        return f"({KINDS[kind]})"

    return PLACE.sub(expression, pattern), tuple(names)
