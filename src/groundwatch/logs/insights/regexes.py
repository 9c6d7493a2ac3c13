"""Regular expressions of a query, judged by the engine that the store searches with."""

from __future__ import annotations

from typing import Any

import re2

from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.nodes import Regex

MAX_PROGRAM_BYTES = 8 << 20


def compiled(regex: Regex) -> Any:  # noqa: ANN401 - re2 is untyped
    """Return the compiled expression; `MalformedQueryException` at its place when RE2 refuses it."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PROGRAM_BYTES
    try:
        return re2.compile(regex.expression, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise malformed(f"the regular expression is refused: {reason}", regex.span) from error
