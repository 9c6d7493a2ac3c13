"""Everything that the runtime keeps of a stage's answers, as the control plane's flushes see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from groundwatch.gateway.runtime.response_cache import ResponseCache


class AuthorizerCache(Protocol):
    """Results of authorizers that are kept."""

    def flush(self, api_id: str, stage_name: str) -> None:
        """Forget the results of a stage."""


class RuntimeCaches:
    """Implements `StageCaches` on the caches of this process."""

    def __init__(self, responses: ResponseCache, authorizers: Sequence[AuthorizerCache] = ()) -> None:
        self._responses = responses
        self._authorizers = authorizers

    def flush_data(self, api_id: str, stage_name: str) -> None:
        """Forget all cached responses of a stage."""
        self._responses.flush((api_id, stage_name))

    def flush_authorizers(self, api_id: str, stage_name: str) -> None:
        """Forget all results of authorizers that are kept for a stage."""
        for cache in self._authorizers:
            cache.flush(api_id, stage_name)
