import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwatch.logs.patterns.numbers import bounds, canonical, equal_spellings, in_range, shortest


@pytest.mark.parametrize(
    ("spelled", "text"),
    [
        ("0.50", "0.5"),
        ("1e+3", "1000"),
        ("+007", "7"),
        ("-0", "0"),
        ("-0.0", "-0"),
        ("1e21", "1e21"),
        ("1e20", "100000000000000000000"),
        ("1.5e21", "1.5e21"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e400", None),
    ],
)
def test_canonical(spelled, text):
    assert canonical(spelled) == text


@pytest.mark.parametrize(
    ("spelled", "within"),
    [("1e308", True), ("1e309", False), ("1" * 400, False), ("1e-400", True), ("1e-99999", False), ("5", True)],
)
def test_range_of_literals(spelled, within):
    assert in_range(spelled) is within


@pytest.mark.parametrize(
    ("spelled", "spellings"),
    [
        ("400", {"400"}),
        ("4e2", {"400"}),
        ("-0", {"0", "-0"}),
        ("0.0", {"0", "-0"}),
        ("1e23", {"100000000000000000000000", "1e23"}),
        ("0.50", {"0.5"}),
    ],
)
def test_equal_spellings(spelled, spellings):
    assert equal_spellings(spelled) == spellings


@pytest.mark.parametrize(
    ("spelled", "expected"), [("5", (5, 5)), ("5.5", (5, 6)), ("-5.5", (-6, -5)), ("1e3", (1000, 1000))]
)
def test_bounds(spelled, expected):
    assert bounds(spelled) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_shortest_reads_back(value):
    assert float(shortest(value)) == value


def test_shortest_is_the_engines_text(event_database):
    values = [
        1e-7,
        1.5e-6,
        123456.789,
        1e20,
        1e21,
        1.7976931348623157e308,
        5e-324,
        -0.0,
        0.1,
        1 / 3,
        2**53 + 0.0,
        -1e22,
    ]
    sql = "SELECT JSONExtractRaw(arrayJoin({texts:Array(String)}))"
    parameters = {"texts": [repr(value) for value in values]}
    rows = event_database.run_now(lambda client: client.query(sql, parameters=parameters).result_rows)
    assert [row[0] for row in rows] == [shortest(value) for value in values]
