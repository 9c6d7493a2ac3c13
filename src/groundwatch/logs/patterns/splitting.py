"""How a message becomes fields for a space-delimited pattern, and which field belongs to which slot.

Fields are separated by white space. A field that begins with `[` or `"` goes to the next `]` or `"`, which are not part
of its value; without such an end the character is ordinary text.
"""

from __future__ import annotations

import re
from itertools import islice

SPACES = " \t\n\r\f\v"
TOKEN = rf'\[[^\]]*\]|"[^"]*"|[^{SPACES}]+'
"""In the syntax that Python's and RE2's regular expressions share: the engine splits with the same text."""
GROUPED = r'^(?:\[([^\]]*)\]|"([^"]*)")$'
"""A token with delimiters; its value is what one of the groups holds."""
TOKENS = re.compile(TOKEN)


def split(message: str) -> list[str]:
    """Return the fields of a message, still with their quotes and brackets."""
    if '"' in message or "[" in message:
        return TOKENS.findall(message)
    # Bytes split at ASCII white space, which is what `SPACES` holds; text would split at any.
    return [word.decode("utf-8", "surrogatepass") for word in message.encode("utf-8", "surrogatepass").split()]


def stripped(token: str) -> str:
    """Return a field's value: what stands between its quotes or brackets."""
    if len(token) > 1 and token[0] + token[-1] in {"[]", '""'}:
        return token[1:-1]
    return token


def fields(message: str, before: int, after: int, *, ellipsis: bool) -> list[str] | None:
    """Return a value for each slot, None when the fields are too few.

    Without an ellipsis, the last slot takes the rest of a longer message as it stands, less white space at the end.
    """
    found = split(message)
    if len(found) < before + after:
        return None
    values = [stripped(token) for token in found[:before]]
    if ellipsis:
        return values + [stripped(token) for token in found[len(found) - after :]]
    if len(found) > before > 0:
        values[-1] = _rest(message, before)
    return values


def _rest(message: str, number: int) -> str:
    """Return the message from its field with this number, counted from one."""
    start = next(islice(TOKENS.finditer(message), number - 1, None)).start()
    return message[start:].rstrip(SPACES)
