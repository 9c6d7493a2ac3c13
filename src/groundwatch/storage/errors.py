"""What the stores raise to the rooms above: foreign errors are translated here, once."""

from __future__ import annotations


class StorageError(Exception):
    """A store could not do what was asked; the message is for operators, never for clients."""


class StorageUnavailableError(StorageError):
    """The store cannot be reached or opened at all: wrong URL, locked directory, server down."""
