"""Statements have no more layers than they need: each costs the engine time before it begins."""

from __future__ import annotations

import pytest

from groundwatch.logs.insights.compile import Group, Source, compile_query
from groundwatch.logs.insights.discovery import StoredFields
from groundwatch.logs.insights.pipeline import Window
from groundwatch.logs.shredding.columns import FieldColumn

NEWEST = "timestamp DESC, ingested DESC, batch DESC, seq DESC"
RARE = 'filter @message like "rare"'


def compiled(query: str) -> str:
    stored = StoredFields([FieldColumn(1, ("status",), "integer")], complete=True)
    return compile_query(query, Source("111122223333", [Group(1, "g")], Window(0, 10**12, 10**12), stored=stored)).sql


@pytest.mark.parametrize(
    ("query", "layers", "orders"),
    [
        (RARE, 1, [NEWEST]),
        (f"{RARE} | limit 20", 1, [NEWEST]),
        (f"{RARE} | sort @timestamp desc | limit 20", 1, [NEWEST]),
        (f"{RARE} | sort @timestamp asc | limit 20", 1, ["timestamp ASC, ingested DESC, batch DESC, seq DESC"]),
        (f"{RARE} | limit 20 | sort @timestamp asc", 2, [NEWEST, "timestamp ASC, ingested DESC, batch DESC, seq DESC"]),
        (f"{RARE} | limit 20 | limit 30", 2, [NEWEST, NEWEST]),
        (f"{RARE} | limit 20 | filter @message > 5", 3, [NEWEST, NEWEST]),
        ("parse @message /(?<word>a+)/ | limit 20", 3, [NEWEST]),
    ],
)
def test_rows_are_sorted_and_cut_off_once(query, layers, orders):
    sql = compiled(query)
    assert [part.split(" LIMIT ")[0] for part in sql.split(" ORDER BY ")[1:]] == orders
    # Rows that pass through a layer unchanged are named by WITH.
    assert sql.count("SELECT ") == layers + sql.count("WITH ")


@pytest.mark.parametrize(
    ("query", "layers"),
    [
        ("stats count(*) by bin(5m)", 2),
        (f"{RARE} | stats count(*) by bin(5m)", 3),
        (f"{RARE} | stats count(*)", 2),
        ("stats count(*) by @logStream", 3),
    ],
)
def test_rows_are_filtered_where_they_are_grouped(query, layers):
    assert compiled(query).count("SELECT ") == layers
