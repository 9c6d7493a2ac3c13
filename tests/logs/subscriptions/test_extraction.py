"""`extractedFields` of space-delimited patterns (User Guide, metric filter examples; keys as seen in payloads)."""

import pytest

from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.subscriptions.extraction import field_extractor

LINE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        pytest.param(
            "[ip, id, user, timestamp, request, status_code, size]",
            LINE,
            {
                "ip": "127.0.0.1",
                "id": "-",
                "user": "frank",
                "timestamp": "10/Oct/2000:13:25:15 -0700",
                "request": "GET /index.html HTTP/1.0",
                "status_code": "404",
                "size": "1534",
            },
            id="named slots, without the delimiters",
        ),
        pytest.param(
            "[..., request=*.html*, status_code=4*,]",
            LINE,
            {
                "1": "127.0.0.1",
                "2": "-",
                "3": "frank",
                "4": "10/Oct/2000:13:25:15 -0700",
                "request": "GET /index.html HTTP/1.0",
                "status_code": "404",
                "7": "1534",
            },
            id="positions where the ellipsis or an empty slot stands",
        ),
        pytest.param("[a, ..., z]", "1 2 3", {"a": "1", "2": "2", "z": "3"}, id="names on both sides"),
        pytest.param("[a, rest]", "1 2 3", {"a": "1", "rest": "2 3"}, id="the last slot takes the rest"),
    ],
)
def test_fields(pattern, message, expected):
    assert field_extractor(parse_pattern(pattern))(message) == expected


@pytest.mark.parametrize("pattern", ["", "word", "%re%", "{ $.a = 1 }"])
def test_other_patterns_extract_nothing(pattern):
    assert field_extractor(parse_pattern(pattern)) is None
