"""Paths of the gateway port that lead nowhere or hold what no name may."""

from __future__ import annotations

import json

import pytest
from tests.end_to_end.bad_input.hostile import LEAKS, exchange, http


@pytest.fixture(scope="module")
def bundled(server) -> tuple[str, str]:
    """The bundled API's id and its key."""
    apis = server.client("apigateway")
    (api,) = [item["id"] for item in apis.get_rest_apis()["items"] if item["name"].startswith("groundwatch")]
    keys = apis.get_api_keys(nameQuery="groundwatch-logs", includeValues=True)["items"]
    return api, keys[0]["value"]


@pytest.mark.parametrize(
    "group",
    [
        "%00",
        "%ff",
        "%c0%af",
        "..%2f..%2fetc",
        "%252e%252e",
        "%22%7d%2c",
        "a%0d%0ab",
        "%24context",
        "a" * 600,
        "%ed%a0%80",
    ],
)
def test_group_names_from_paths(server, bundled, group):
    api, key = bundled
    request = http("GET", f"/{api}/v1/groups/{group}/streams", {"host": "a", "x-api-key": key})
    answer = exchange(server.gateway_port, request, tls=True)
    assert answer.status in (400, 404), answer
    assert not LEAKS.search(answer.body)
    json.loads(answer.body)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/nosuchapi0/v1/groups", "Forbidden"),
        ("/{api}/nosuchstage/groups", "Forbidden"),
        ("/{api}/v1/no/such/path", "Missing Authentication Token"),
        ("/{api}/v1/groups", "Forbidden"),
    ],
    ids=["API", "stage", "path", "no key"],
)
def test_unknown_places_of_the_gateway(server, bundled, target, message):
    answer = exchange(server.gateway_port, http("GET", target.format(api=bundled[0]), {"host": "a"}), tls=True)
    assert (answer.status, json.loads(answer.body)) == (403, {"message": message})


def test_a_payload_over_the_limit(server, bundled):
    request = http("POST", f"/{bundled[0]}/v1/groups", {"host": "a"}, bytes(10 * 1024 * 1024 + 1))
    assert exchange(server.gateway_port, request, tls=True).status == 413
