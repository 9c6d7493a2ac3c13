"""Where identifiers and generated key values come from."""

from __future__ import annotations

import secrets
import string
from collections.abc import Container
from typing import Protocol

LONG = 10
"""Length of the ids of REST APIs, root resources and API keys."""
SHORT = 6
"""Length of the ids of resources, deployments, usage plans, validators and models."""
KEY_VALUE = 40
"""Length of a generated API key value."""


class IdSource(Protocol):
    """Makes identifiers; tests hand in one that counts."""

    def identifier(self, length: int) -> str:
        """Return `length` lower-case letters and digits."""

    def key_value(self) -> str:
        """Return an unguessable API key value of `KEY_VALUE` letters and digits."""


class RandomIds:
    """Identifiers and key values from the system's random source."""

    def identifier(self, length: int) -> str:
        """Return `length` random lower-case letters and digits."""
        return _pick(string.ascii_lowercase + string.digits, length)

    def key_value(self) -> str:
        """Return a random API key value: 238 bits."""
        return _pick(string.ascii_letters + string.digits, KEY_VALUE)


def fresh_id(ids: IdSource, length: int, taken: Container[str]) -> str:
    """Return an identifier that is not in `taken`."""
    while (candidate := ids.identifier(length)) in taken:
        pass
    return candidate


def _pick(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
