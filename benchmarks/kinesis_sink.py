"""A stand-in for Kinesis that costs next to nothing, so that deliveries are measured and not their target.

Run as a process of its own (`python -m benchmarks.kinesis_sink PORT`). It takes every PutRecords at once and counts the
delivered events when it is asked, after the clock has stopped: `GET /delivered` answers with a JSON object of events by
"log group, filter".
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec
import uvicorn

HOST = "127.0.0.1"
DELIVERED_PATH = "/delivered"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _Record(msgspec.Struct, frozen=True, rename="pascal"):
    data: bytes


class _PutRecords(msgspec.Struct, frozen=True, rename="pascal"):
    records: list[_Record]


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    message_type: str
    log_group: str
    subscription_filters: list[str]
    log_events: list[msgspec.Raw]


class Sink:
    """The application: an answer for each PutRecords, and what came in them."""

    def __init__(self) -> None:
        self._uncounted: list[bytes] = []
        self._delivered: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "GET":
            answer: Any = self._count() if scope["path"] == DELIVERED_PATH else {}
        else:
            answer = self._take(await _body(receive))
        headers = [(b"content-type", b"application/x-amz-json-1.1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})

    def _take(self, body: bytes) -> dict[str, Any]:
        records = msgspec.json.decode(body, type=_PutRecords).records
        self._uncounted += [record.data for record in records]
        taken = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
        return {"FailedRecordCount": 0, "Records": [taken] * len(records)}

    def _count(self) -> Counter[str]:
        self._delivered += count_events(self._uncounted)
        self._uncounted.clear()
        return self._delivered


def count_events(documents: Iterable[bytes]) -> Counter[str]:
    """Return the number of events in documents of subscriptions, by "log group, filter"; control messages are none."""
    counts: Counter[str] = Counter()
    for data in documents:
        document = msgspec.json.decode(gzip.decompress(data), type=_Document)
        if document.message_type == "DATA_MESSAGE":
            counts[f"{document.log_group}, {document.subscription_filters[0]}"] += len(document.log_events)
    return counts


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


if __name__ == "__main__":
    uvicorn.run(Sink(), host=HOST, port=int(sys.argv[1]), log_level="warning", lifespan="off")
