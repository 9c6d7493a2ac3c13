"""What queries may take. The defaults are the service's (User Guide, CloudWatch Logs quotas), where it has one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

DAY_MS = 86_400_000


class QueryLimits(msgspec.Struct, frozen=True):
    """What a query may take, and how many there may be."""

    active: int = 100
    """Queries of an account that wait or run, in Insights' own language."""
    active_other: int = 15
    """Those in SQL and PPL, together."""
    parallel: int = 2
    """Queries of all accounts that run at the same time; the others wait."""
    time_s: int = 3_600
    """From StartQuery on."""
    memory_bytes: int = 1 << 30
    rows: int = 100_000
    """Most rows of a result; a query without `limit` gives 10,000."""
    result_bytes: int = 64 << 20
    kept_ms: int = 7 * DAY_MS
    """How long a query and its result are found."""

    def active_of(self, language: str) -> int:
        """Return how many queries of an account may wait or run in the languages that count together."""
        return self.active if language == "CWLI" else self.active_other

    def engine_settings(self, left_s: int) -> Mapping[str, str]:
        """Return the engine's settings for a statement that may still take `left_s` seconds."""
        return {
            "max_execution_time": str(max(1, min(left_s, self.time_s))),
            "max_memory_usage": str(self.memory_bytes),
            # Groups and sorting go to disk before they reach the limit; exact sets cannot, and fail at it.
            "max_bytes_before_external_group_by": str(self.memory_bytes // 2),
            "max_bytes_before_external_sort": str(self.memory_bytes // 2),
            "max_result_bytes": str(self.result_bytes),
            "result_overflow_mode": "throw",
        }


DEFAULT_LIMITS = QueryLimits()
