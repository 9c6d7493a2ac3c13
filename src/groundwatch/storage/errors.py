"""What the stores raise to the rooms above: foreign errors are translated here, once."""

from __future__ import annotations

import re

ENGINE_CODE = re.compile(r"Code: (\d+)\.")
TOO_MUCH_MEMORY = "241"


class StorageError(Exception):
    """A store could not do what was asked; the message is for operators, never for clients."""


class StorageUnavailableError(StorageError):
    """The store cannot be reached or opened at all: wrong URL, locked directory, server down."""


class StoreBusyError(StorageError):
    """More waits to be stored than may wait: the caller should try again later."""


class StoreMemoryError(StorageError):
    """A statement needs more memory than it was given (`max_memory_usage`)."""


def engine_code(error: Exception) -> str:
    """Return the number of the event engine's error, empty if it has none."""
    found = ENGINE_CODE.search(str(error))
    return found[1] if found else ""
