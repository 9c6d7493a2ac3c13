"""The refusal of a query, with the place in its text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from groundwatch.aws.errors import ServiceError

Span = tuple[int, int]
"""Where something stands in the query: offsets of its first character and of the one after its last."""


def malformed(message: str, span: Span | None = None) -> ServiceError:
    """Return `MalformedQueryException` with the modelled compile error; offsets count characters from 0."""
    fault: dict[str, object] = {"message": message}
    if span is not None:
        fault["location"] = {"startCharOffset": span[0], "endCharOffset": span[1]}
    return ServiceError("MalformedQueryException", message, members={"queryCompileError": fault})


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the clause that names the nearest known word; empty when none is near."""
    by_fold = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_fold, n=1, cutoff=0.6)
    return f"; did you mean {by_fold[near[0]]}?" if near else ""
