"""What the stores raise to the rooms above: foreign errors are translated here, once."""

from __future__ import annotations


class StorageError(Exception):
    """A store could not do what was asked; the message is for operators, never for clients."""


class StorageUnavailableError(StorageError):
    """The store cannot be reached or opened at all: wrong URL, locked directory, server down."""


class StoreBusyError(StorageError):
    """More waits to be stored than may wait: the caller should try again later."""
