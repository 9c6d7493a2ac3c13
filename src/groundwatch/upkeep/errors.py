"""What backup and restore raise; the text is one line for the operator."""

from __future__ import annotations


class BackupError(Exception):
    """A backup could not be made, or cannot be restored."""
