"""What is told about a malformed pattern: the service's sentence, then the place, then a remedy for a near miss."""

from __future__ import annotations

import re
from typing import Literal

from groundwatch.aws.errors import ServiceError

Kind = Literal["terms", "json", "fields", "regex"]

# The run of characters that the service names as invalid, for each kind. What stops a parse without being in one is
# a character of the language in the wrong place, for which the service has one general sentence.
STRAY: dict[Kind, re.Pattern[str]] = {
    "terms": re.compile(r'""|[^A-Za-z0-9_"\s]+'),
    "json": re.compile(r"""\$?\.[^A-Za-z0-9_*\s.\[-]|[^A-Za-z0-9_\s"$.\[\]*%=!<>&|()+{}-]+"""),
    "fields": re.compile(r"""[^A-Za-z0-9_\s"$.\[\]*%=!<>&|,-]+"""),
    "regex": re.compile(r"[^A-Za-z0-9:_#=@/;,\- .$^?\[\]{}|*+\\]+"),
}
UNCLOSED_QUOTE = "close the double quotes"
QUOTE = "put text with other characters than letters, digits and _ in double quotes"
PRESENCE = 'a test for presence is `= "*"`, one for absence `NOT EXISTS`'
NEGATION = "there is no negation of a condition: use != or NOT EXISTS"

Remedy = tuple[str, str]
"""A regular expression for the text where the parse stopped, and what to do instead."""
EVERYWHERE: tuple[Remedy, ...] = (
    ("[“”„]", 'use straight double quotes (")'),
    (r'"(?:[^"\\]|\\["\\])*\\[^"\\]', 'inside quotes, write \\\\ for a backslash and \\" for a quote'),
    (r'"[^"]*$', UNCLOSED_QUOTE),
)
CONDITION_REMEDIES: tuple[Remedy, ...] = (
    ("'", 'use double quotes (")'),
    ("(?<==)=", "equality is a single ="),
    ("=~|~", "a regular expression is compared with `= %…%`"),
    ("(?<=<)>", "inequality is !="),
    (r"(?i)and\b|&(?!&)", "join conditions with &&"),
    (r"(?i)or\b|\|(?!\|)", "join conditions with ||"),
    ("%", "a regular expression stands between two percent signs"),
)
REMEDIES: dict[Kind, tuple[Remedy, ...]] = {
    "terms": (
        *EVERYWHERE,
        ('""', "a quoted term holds at least one character"),
        ("'", f'{QUOTE} (")'),
        (r"\*", "a term is found anywhere in the message, also inside a word: leave the asterisk out"),
        (r"&&?|\|\|?", "terms side by side must all occur; for one of several write ?a ?b; or put the text in quotes"),
        (r"\{", "a JSON pattern begins with { and ends with }; put text with braces in double quotes"),
        (r"\[", "a space-delimited pattern begins with [ and ends with ]; put text with brackets in double quotes"),
        ("%", "a regular expression is a whole pattern, %…%; put text with a percent sign in double quotes"),
        ("(?<=[-?])$", "a term follows - and ?"),
        (".", QUOTE),
    ),
    "json": (
        *EVERYWHERE,
        *CONDITION_REMEDIES,
        (",", "join conditions with && or ||"),
        (r"\.[^A-Za-z0-9_*\s.\[-]", "name a property with other characters as $.['name']"),
        (r"IS\s+NOT\b|NOT\s+NULL\b|EXISTS\b", PRESENCE),
        (r"(?i)is\b|not\s+exists\b|null\b|true\b|false\b|exists\b", "write IS NULL, IS TRUE, IS FALSE, NOT EXISTS"),
        (r"!|NOT\b", NEGATION),
        ('"', 'a condition begins with a selector, as in $.name = "value"; to find text, put the pattern in quotes'),
        (r"[A-Za-z_]\w*\s*[=!<>]", "a selector begins with $. and the name of a property"),
        (r"(?<=\$)|(?<=\$\s)", "a selector begins with $. and the name of a property"),
        (r"\.\.", "name each property on the way"),
        (r"\[", "an index is a number from 0 or *, a name is written as ['name']"),
        (r"\)|\}\s*$|$", "conditions and parentheses must be complete"),
        ("[:@/]", QUOTE),
    ),
    "fields": (
        *EVERYWHERE,
        *CONDITION_REMEDIES,
        (r"[()]", "a slot has no parentheses; && binds tighter than ||"),
        ("!", NEGATION),
        (r"\$", "a slot is named without $"),
        (r"[A-Za-z0-9_-]", "separate the slots with commas, and put a value with white space in double quotes"),
    ),
    "regex": (
        (r"\(\?|\\[1-9]", "flags, groups, look-around and back-references are not supported"),
        (r"\\?[()]", "groups are not supported; write \\x28 and \\x29 for parentheses"),
        (r"[?*+{]", "one quantifier follows a character or class; precede a literal one by a backslash"),
        (r"[\]}]", "precede a literal bracket or brace by a backslash"),
        (r"\[", "a class is closed by ] and holds something"),
        (r"\\", "the escapes are \\d \\D \\s \\S \\w \\W \\xhh and a backslash before a symbol"),
        (r"\||$", "each side of | holds something"),
        (r"[^\x00-\x7f]", "only ASCII is supported"),
        (".", "write characters outside the regular expressions' alphabet as \\xhh"),
    ),
}


def complaint(kind: Kind, text: str, position: int, *, offset: int = 0) -> ServiceError:
    """Return the error for a pattern of this kind that stops making sense at `position`.

    `offset` is where `text` begins in what the caller sent; places are told as characters, counted from 1.
    """
    stray = STRAY[kind].match(text, position)
    begin = position - 1 if stray and stray.group()[0] == "." and text[:position].endswith("$") else position
    said = "Invalid filter pattern"
    if stray:
        said += f": Invalid character(s) in term '{text[begin : stray.end()]}'"
    remedy = next((remedy for where, remedy in REMEDIES[kind] if re.compile(where).match(text, position)), None)
    return malformed(said, begin + offset, remedy)


def malformed(said: str, position: int, remedy: str | None = None) -> ServiceError:
    """Return the service's error with the place, a position counted from 0, and the remedy after its sentence."""
    place = f"at character {position + 1}"
    return ServiceError("InvalidParameterException", f"{said} ({place}{': ' + remedy if remedy else ''})")
