"""What may be published: sizes, subjects, bodies by protocol, and attributes.

Sources of the rules: the API reference of Publish, and the guide's page on message attributes.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from groundwatch.aws.errors import ServiceError
from groundwatch.notifications.errors import invalid
from groundwatch.notifications.records import MessageAttribute

DEFAULT_MAX_BYTES = 262_144
MAX_SUBJECT_CHARACTERS = 100
MAX_NAME_CHARACTERS = 256
NAME_CHARACTERS = re.compile(r"[A-Za-z0-9_.-]")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
SUPPORTED_TYPES = ("Binary", "Number", "String")
RESERVED_PREFIXES = ("aws.", "amazon.")

Attributes = Mapping[str, MessageAttribute]


def check_subject(subject: str | None) -> None:
    """Return for a subject that may be sent; `InvalidParameter` for others."""
    if subject is None:
        return
    if not subject or len(subject) > MAX_SUBJECT_CHARACTERS or not subject.isprintable() or subject[0].isspace():
        raise invalid("Subject")


def fitting_subject(text: str) -> str | None:
    """Return the beginning of a text as a subject, None for an empty one."""
    shown = "".join(character if character.isprintable() else " " for character in text).strip()
    return shown[:MAX_SUBJECT_CHARACTERS] or None


def check_size(message: str, attributes: Attributes, max_bytes: int) -> int:
    """Return how many bytes of the limit message and attributes use; `InvalidParameter` for none and too many."""
    if not message:
        raise invalid("Empty message")
    size_bytes = len(message.encode()) + sum(_size(name, attribute) for name, attribute in attributes.items())
    if size_bytes > max_bytes:
        raise invalid("Message too long")
    return size_bytes


def _size(name: str, attribute: MessageAttribute) -> int:
    return len(name.encode()) + len(attribute.type.encode()) + len(attribute.value.encode())


def is_structured(structure: str | None, message: str) -> bool:
    """Return whether a message has bodies by protocol, after checking them."""
    if structure is None:
        return False
    if structure != "json":
        raise invalid("MessageStructure")
    try:
        bodies = json.loads(message)
    # Brackets nested a hundred thousand deep exhaust the stack of the parser.
    except (ValueError, RecursionError) as error:
        raise invalid("Message Structure - JSON message body failed to parse") from error
    if not isinstance(bodies, dict):
        raise invalid("Message Structure - JSON message body failed to parse")
    if not isinstance(bodies.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    return True


def read_attributes(given: Mapping[str, Mapping[str, Any]] | None) -> dict[str, MessageAttribute]:
    """Return message attributes; `ParameterValueInvalid` for names, types and values that may not be."""
    return {name: _attribute(name, value) for name, value in (given or {}).items()}


def _attribute(name: str, given: Mapping[str, Any]) -> MessageAttribute:
    _check_name(name)
    kind = given.get("DataType") or ""
    if not kind:
        raise _bad(f"The message attribute '{name}' must contain non-empty message attribute type.")
    base = kind.partition(".")[0]
    if base not in SUPPORTED_TYPES or len(kind) > MAX_NAME_CHARACTERS:
        raise _bad(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String."
        )
    field, other = ("BinaryValue", "StringValue") if base == "Binary" else ("StringValue", "BinaryValue")
    value = given.get(field)
    if value is None and given.get(other) is not None:
        raise _bad(f"The message attribute '{name}' with type '{kind}' must use field '{field[:-5]}'.")
    if not value:
        raise _bad(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute "
            f"type '{kind}'."
        )
    # Kept as text, as every message shows it.
    text = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
    _check_value(name, kind, text)
    return MessageAttribute(kind, text)


def _check_name(name: str) -> None:
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise _bad("Length of message attribute name must be between 1 and 256 characters.")
    strange = next((character for character in name if not NAME_CHARACTERS.fullmatch(character)), None)
    if strange is not None:
        raise _bad(
            f"Invalid non-alphanumeric character '#x{ord(strange):X}' was found in the message attribute name. Can "
            "only include alphanumeric characters, hyphens, underscores, or dots."
        )
    for place, dot in (("starting", name[0]), ("ending", name[-1])):
        if dot == ".":
            raise _bad(f"Invalid message attribute name {place} with character '.' was found.")
    if ".." in name:
        raise _bad("Message attribute name can not have successive '.' character.")
    if name.lower().startswith(RESERVED_PREFIXES):
        raise _bad("Message attribute name can not start with AWS. or Amazon.")


def _check_value(name: str, kind: str, text: str) -> None:
    if kind.partition(".")[0] == "Number" and not _is_number(text):
        raise _bad(f"Could not cast message attribute '{name}' value to number.")
    if kind == "String.Array" and not _is_array(text):
        raise _bad(f"The message attribute '{name}' with type 'String.Array' must be a JSON array of scalars.")


def _is_number(text: str) -> bool:
    # Python's own reading takes underscores and digits of all scripts as well.
    return NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _is_array(text: str) -> bool:
    try:
        # Python refuses to read integers of thousands of digits, but not as floats.
        found = json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, list) and not any(isinstance(item, dict | list) for item in found)


def _bad(text: str) -> ServiceError:
    return ServiceError("ParameterValueInvalid", text)
