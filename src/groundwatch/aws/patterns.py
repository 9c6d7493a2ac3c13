"""The service models' regular expressions, as Java reads them, in Python.

AWS matches a pattern against the whole value, with ASCII meanings of `\\w`, `\\d` and `\\s`; only `\\p{…}` classes
reach beyond ASCII. Python's `re` lacks those, so such patterns run on `regex`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import regex

Matcher = Callable[[str], bool]

# Java takes the hyphen of `[\w-_]` literally; Python refuses it as a bad range.
_CLASS_THEN_HYPHEN = re.compile(r"(\\[wdsWDS])-(?!\])")


def needs_unicode_classes(pattern: str) -> bool:
    """Tell whether the pattern uses `\\p{…}`, which Python's `re` cannot compile."""
    return r"\p{" in pattern or r"\P{" in pattern


def anchored(pattern: str) -> str:
    """Return the pattern for `re.search` so that it matches whole values only, with ASCII classes."""
    return rf"(?a)\A(?:{_with_literal_hyphens(pattern)})\Z"


def matcher(pattern: str) -> Matcher:
    """Return a function that tells whether a whole value matches the pattern of a service model."""
    if needs_unicode_classes(pattern):
        return partial(_matches, regex.compile(_with_literal_hyphens(pattern)).fullmatch)
    return partial(_matches, re.compile(anchored(pattern)).search)


def _with_literal_hyphens(pattern: str) -> str:
    return _CLASS_THEN_HYPHEN.sub(r"\1\\-", pattern)


def _matches(search: Callable[[str], object | None], value: str) -> bool:
    return search(value) is not None
