"""`relevantfields`: in which fields the events that satisfy a condition differ from the others."""

import json

import pytest

START_MS = 1_767_312_000_000


@pytest.fixture
def calls(group):
    """Forty calls, of which the ten slow ones are from one host; every call has an id of its own."""
    messages = [
        {
            "id": f"call-{n}",
            "ms": 500 + n if n < 10 else n,
            "host": "h1" if n < 10 else f"h{n % 5}",
            "method": "GET" if n % 2 else "PUT",
            "o": {"size": 100 - n, "p": {"q": n % 2 == 0, "r": {"deep": n}}},
            **({"error": "timeout"} if n < 5 else {}),
        }
        for n in range(40)
    ]
    group.put([{"timestamp": START_MS + n, "message": json.dumps(message)} for n, message in enumerate(messages)])
    group.put([{"timestamp": START_MS, "message": "no JSON"}])
    return group


def scores(rows) -> dict[str, float]:
    found = [dict(row) for row in rows]
    return {row["@fieldName"]: float(row["@relevanceScore"]) for row in found}


def test_all_fields_are_ranked_but_those_of_the_condition(calls):
    found = scores(calls.run("filter ispresent(ms) | relevantfields where ms >= 500"))
    assert found == {"o.size": 1, "host": 0.8, "error": 0.5, "id": 0, "method": 0, "o.p.q": 0}
    assert list(found)[:3] == ["o.size", "host", "error"]


def test_fields_that_are_named(calls):
    assert scores(calls.run("filter ms > 0 | relevantfields ms, nope, o.p.r.deep where ms >= 500")) == {
        "ms": 1,
        "o.p.r.deep": 1,
    }


def test_numbers_have_medians_and_texts_the_values_that_shift_most(calls):
    ms, host = (
        dict(row) for row in calls.run("filter ms > 0 | relevantfields host, ms where ms >= 500")[::-1][:2][::-1]
    )
    by_name = {row["@fieldName"]: row for row in (ms, host)}
    assert (by_name["ms"]["@conditionalMedian"], by_name["ms"]["@baselineMedian"]) == ("504", "24")
    assert "@topRelevanceContributors" not in by_name["ms"]
    top = json.loads(by_name["host"]["@topRelevanceContributors"])
    assert top[0] == {"value": "h1", "conditionalFrequency": "1", "baselineFrequency": "0.2"}
    assert len(top) == 5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("relevantfields where ms > 9999", []),
        ("filter ms > 500 | relevantfields host where ms > 1", []),
        ("parse id 'call-*' as number | filter ms > 0 | relevantfields number where ms > 99 | display @relevanceScore",
         ["1"]),
        ("filter ms > 0 | relevantfields where ms >= 500 | filter @relevanceScore > 0.6 | stats count(*) as n", ["2"]),
        ("filter ms > 0 | relevantfields where ms >= 500 | limit 1 | display @fieldName", ["o.size"]),
    ],
)  # fmt: skip
def test_the_rows_are_rows_like_others(calls, query, expected):
    assert [" ".join(value for _, value in row) for row in calls.run(query)] == expected
