"""The refusal of a query, with the place in its text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from groundwatch.aws.errors import ServiceError

Span = tuple[int, int]
"""Where something stands in the query: offsets of its first character and of the one after its last."""
NEAR = 0.6
"""How alike words are, from 0 to 1, of which one may be a slip of the other."""


def malformed(message: str, span: Span | None = None) -> ServiceError:
    """Return `MalformedQueryException` with the modelled compile error; offsets count characters from 0."""
    fault: dict[str, object] = {"message": message}
    if span is not None:
        fault["location"] = {"startCharOffset": span[0], "endCharOffset": span[1]}
    return ServiceError("MalformedQueryException", message, members={"queryCompileError": fault})


@contextmanager
def placing(text: str) -> Iterator[None]:
    """Say in the message of a refusal at which line and position of the query it is, unless it says so already."""
    try:
        yield
    except ServiceError as error:
        fault = error.members.get("queryCompileError")
        place = fault.get("location") if isinstance(fault, dict) else None
        if place is None or " at line " in str(error.message):
            raise
        start = place["startCharOffset"]
        line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
        said = f"{error.message} (at line {line} and position {column})"
        raise malformed(said, (start, place["endCharOffset"])) from error


def suggestion(word: str, known: Iterable[str], *, near: float = NEAR) -> str:
    """Return the clause that names the nearest known word; empty when none is near."""
    by_fold = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_fold, n=1, cutoff=near)
    return f"; did you mean {by_fold[found[0]]}?" if found else ""
