"""Compressed answers, for APIs with a `minimumCompressionSize` and clients that take them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.runtime.codings import acceptable_coding, encoded
from groundwatch.gateway.runtime.stages import Located

INLINE_BYTES = 64 * 1024
"""Bodies up to this size, about two milliseconds, are compressed on the event loop."""


class Compressor:
    """Compresses answers; large ones in `executor`."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def compressed(self, response: WireResponse, located: Located) -> WireResponse:
        """Return the answer to send: the same one where nobody asks for compression or it is coded already."""
        minimum, size = located.deployment.api.minimum_compression_size, len(response.body)
        if minimum is None or not size or size < minimum or response.header("content-encoding") is not None:
            return response
        coding = acceptable_coding(",".join(located.previous.exchange.headers.get("accept-encoding", ())))
        if coding is None:
            return response
        if size <= INLINE_BYTES:
            body = encoded(response.body, coding)
        else:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(self._executor, encoded, response.body, coding)
        return WireResponse(response.status, (*response.headers, ("Content-Encoding", coding)), body)
