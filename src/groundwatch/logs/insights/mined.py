"""Patterns on their way through a statement: the texts that they are found in, and rows made of what was found.

A query with `pattern` or `diff` takes two statements: the first gives samples of the texts, the second works on the
patterns that the miner found in them, handed over as JSON in bound values.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.logs.insights.patterns import Pattern
from groundwatch.logs.insights.statement import Statement

MAX_SAMPLES = 50_000
"""Texts that differ in more than digits; the most frequent ones are looked at."""
LONGEST_TEXT = 2_000
MASK = "[0-9]+"
"""Texts that differ here alone are counted as one before patterns are looked for."""
MAX_CHARACTERS = 480_000
"""Of patterns in a statement, in parts of up to so many: a server refuses longer values (http_max_field_value_size)."""
PART_CHARACTERS = 60_000
SAMPLES_SHOWN, SAMPLE_CHARACTERS = 5, 500
ERROR, WARNING = re.compile("error", re.IGNORECASE), re.compile("warn", re.IGNORECASE)
EARLIER = "is_earlier"


class Mined(msgspec.Struct, frozen=True):
    """What was found in the events of a query."""

    patterns: Sequence[Pattern] = ()
    events: int = 0
    """Those of the query's own time."""


def samples_select(text: str, rows: str, *, compared: bool) -> str:
    """Return the SELECT of the samples: a text, how many events it stands for, how many earlier ones, and the total."""
    earlier = f"countIf({EARLIER} = 1)" if compared else "0"
    now = f"count() - {earlier}"
    masked = f"replaceRegexpAll(mined_text, '{MASK}', '0')"
    shown = f"leftUTF8(ifNull({text}, ''), {LONGEST_TEXT})"
    return (
        f"SELECT any(mined_text) AS sample, {now} AS events, {earlier} AS before, sum(events) OVER () AS total "  # noqa: S608
        f"FROM (SELECT *, {shown} AS mined_text FROM ({rows})) WHERE mined_text != '' "
        f"GROUP BY {masked} ORDER BY events + before DESC, sample LIMIT {MAX_SAMPLES}"
    )


def pattern_rows(mined: Mined, statement: Statement) -> str:
    """Return the SELECT of the patterns, a JSON object in each row."""
    parts = [statement.bind(part, "String") for part in _parts(mined)]
    arrays = [f"JSONExtractArrayRaw({part})" for part in parts]
    whole = f"arrayConcat({', '.join(arrays)})" if arrays else "CAST([], 'Array(String)')"
    return f"SELECT arrayJoin({whole}) AS mined"


def _parts(mined: Mined) -> Iterator[str]:
    """Yield JSON arrays, the most frequent patterns first, as many as fit."""
    part: list[str] = []
    length = whole = 0
    for pattern in mined.patterns:
        text = msgspec.json.encode(described(pattern, mined.events)).decode()
        whole += len(text)
        if whole > MAX_CHARACTERS:
            break
        if part and length + len(text) > PART_CHARACTERS:
            yield f"[{','.join(part)}]"
            part, length = [], 0
        part.append(text)
        length += len(text) + 1
    if part:
        yield f"[{','.join(part)}]"


def described(pattern: Pattern, events: int) -> Mapping[str, Any]:
    """Return what the columns of a pattern show, by short names."""
    samples = [sample[:SAMPLE_CHARACTERS] for sample in pattern.samples[:SAMPLES_SHOWN]]
    tokens = [
        {
            "dynamicTokenPosition": token.position,
            "tokenType": token.kind,
            "tokenString": f"<{token.kind}-{token.position}>",
            "isNumeric": token.kind == "Number",
            "isErrorCode": False,
            "enumerations": {value[:100]: count for value, count in token.values.items()},
            "inferredTokenName": token.kind,
        }
        for token in pattern.tokens
    ]
    return {
        "pattern": pattern.template,
        "id": hashlib.sha256(pattern.template.encode()).hexdigest()[:32],
        "regex": pattern.regex,
        "count": pattern.count,
        "ratio": f"{pattern.count / events:.2f}" if events else "0.00",
        "severity": _severity(pattern),
        "samples": msgspec.json.encode(samples).decode(),
        "tokens": msgspec.json.encode(tokens).decode(),
        "difference": pattern.count - pattern.earlier,
        "change": _change(pattern),
    }


def _severity(pattern: Pattern) -> str:
    text = pattern.template
    return "ERROR" if ERROR.search(text) else "WARN" if WARNING.search(text) else "INFO"


def _change(pattern: Pattern) -> str:
    if not pattern.earlier:
        return "New pattern"
    if not pattern.count:
        return "Pattern no longer present"
    percent = round(100 * (pattern.count - pattern.earlier) / pattern.earlier)
    return "No change" if not percent else f"{abs(percent)}% {'more' if percent > 0 else 'fewer'} events"
