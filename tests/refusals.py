"""What operations of this process say when they refuse."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from groundwatch.aws.errors import ServiceError


async def refusal(call: Awaitable[object]) -> tuple[str, str | None]:
    """Return code and message of the error that a call must end with."""
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message
