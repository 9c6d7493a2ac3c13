"""What comes back."""

from __future__ import annotations

from dataclasses import dataclass

import httpcore

from groundwatch.outbound.errors import AnswerTooLargeError


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What a backend answered; names of headers are as received."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, by lower-case name, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)


async def read_answer(answer: httpcore.Response, max_body_bytes: int) -> OutboundAnswer:
    """Read an answer to its end. Raises AnswerTooLargeError as soon as its body is larger than it may be."""
    body = await _read(answer, max_body_bytes)
    return OutboundAnswer(answer.status, tuple((_text(k), _text(v)) for k, v in answer.headers), body)


async def _read(answer: httpcore.Response, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_stream():
        size += len(chunk)
        if size > max_bytes:
            raise AnswerTooLargeError(answer.status, max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
