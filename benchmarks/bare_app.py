"""The yardstick of the cache: an ASGI application that does nothing but answer with bytes that it was given.

Run by uvicorn; BARE_BODY names a file with the body, BARE_HEADERS one with a JSON list of names and values.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

BODY = Path(os.environ["BARE_BODY"]).read_bytes()
HEADERS = [(name.encode(), value.encode()) for name, value in json.loads(Path(os.environ["BARE_HEADERS"]).read_bytes())]
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}
END = {"type": "http.response.body", "body": BODY}


async def app(
    _scope: MutableMapping[str, Any], _receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Answer every request alike."""
    await send(START)
    await send(END)
