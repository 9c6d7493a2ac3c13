"""Tokens of lists and searches: what was not given out, or was changed, is refused."""

from __future__ import annotations

import base64
import json

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.tokens import seal, unseal

REQUEST = ["groups", "prefix"]


def remade(token: str, position: object) -> str:
    """Return the token with another position, as somebody would make it who has read the source."""
    request, _ = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return base64.urlsafe_b64encode(json.dumps([request, position]).encode()).decode().rstrip("=")


def test_a_token_gives_back_its_position():
    assert unseal(REQUEST, seal(REQUEST, ["name", 7]), str, int) == ["name", 7]


@pytest.mark.parametrize("token", ["", "x", "====", "é", "\0", "e30", "W10", "bnVsbA", "a" * 10_000])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(ServiceError, match=r"The specified nextToken is invalid\."):
        unseal(REQUEST, token, str)


def test_a_token_of_another_request_is_refused():
    with pytest.raises(ServiceError, match=r"The specified nextToken is invalid\."):
        unseal([*REQUEST, "more"], seal(REQUEST, ["name"]), str)


@pytest.mark.parametrize(
    "position",
    [[], ["a"], [1, "a"], ["a", "b"], ["a", 1, 2], ["a", 2**63], ["a", -(2**63) - 1], ["a", None], ["a", [1]], {}, "a"],
    ids=str,
)
def test_a_position_of_another_form_is_refused(position):
    with pytest.raises(ServiceError, match=r"The specified nextToken is invalid\."):
        unseal(REQUEST, remade(seal(REQUEST, ["a", 1]), position), str, int)
