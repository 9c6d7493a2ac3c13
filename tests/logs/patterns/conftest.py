from collections.abc import Callable, Sequence

import pytest

from groundwatch.logs.patterns.nodes import Pattern
from groundwatch.logs.patterns.sql import compile_condition


@pytest.fixture(scope="module")
def engine_verdicts(event_database) -> Callable[[Pattern, Sequence[str]], list[bool]]:
    """Ask the engine which of the messages match: one statement for all of them."""

    def verdicts(pattern: Pattern, messages: Sequence[str]) -> list[bool]:
        condition = compile_condition(pattern)
        sql = f"SELECT {condition.sql} FROM (SELECT arrayJoin({{messages:Array(String)}}) AS message)"
        parameters = {"messages": list(messages), **condition.parameters}
        rows = event_database.run_now(lambda client: client.query(sql, parameters=parameters).result_rows)
        return [bool(row[0]) for row in rows]

    return verdicts
