"""Why there is no answer from outside."""

from __future__ import annotations


class OutboundError(Exception):
    """The backend gave no answer; the text says why, for the owner of the API and the log."""


class RefusedDestinationError(OutboundError):
    """The URL is not one, or an address of its host may not be used."""


class OutboundTimeoutError(OutboundError):
    """There was no whole answer in time."""


class AnswerTooLargeError(OutboundError):
    """The answer has more bytes than may be read."""

    def __init__(self, status: int, max_bytes: int) -> None:
        super().__init__(f"the answer has more than {max_bytes} bytes")
        self.status = status
