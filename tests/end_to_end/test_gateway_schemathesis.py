"""The bundled API under requests that are made from its own definition, valid and not: it answers as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

DEFINITION = Path(__file__).parents[2] / "examples" / "logs-api.yaml"
LEAKS = re.compile(r'Traceback|File "|\.py\b|object has no attribute|NoneType|sqlalchemy|msgspec')
EXAMPLES, SOAK_EXAMPLES = 60, 2500
OPERATIONS = {held.ok().label: held.ok() for held in schemathesis.openapi.from_path(DEFINITION).get_all_operations()}
FRONT_DOOR = {414, 431}
"""What every API answers whatever its definition says."""
BY_THE_DEFINITION = {501}
"""A filter pattern of a kind that the server does not know is this API's 501."""


class Api:
    """The bundled API, as its customers reach it."""

    def __init__(self, server) -> None:
        apis = server.client("apigateway")
        (api,) = [item["id"] for item in apis.get_rest_apis()["items"] if item["name"].startswith("groundwatch")]
        self.url = f"{server.gateway_url}/{api}/v1"
        keys = apis.get_api_keys(nameQuery="groundwatch-logs", includeValues=True)["items"]
        self.key = keys[0]["value"]
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(server.data / "tls" / "ca.pem")
        self.session.headers["x-api-key"] = self.key

    def check(self, case: schemathesis.Case) -> schemathesis.Response:
        """Send a request and hold the answer against the definition."""
        case.headers.pop("x-api-key", None)
        headers = {"x-api-key": self.key}
        response = case.call(self.url, self.session, headers, timeout=30, verify=self.session.verify)
        if response.status_code in FRONT_DOOR:
            return response
        case.validate_response(response, excluded_checks=[not_a_server_error, *NOT_PROMISED])
        assert response.status_code < 500 or response.status_code in BY_THE_DEFINITION, response.text
        assert response.headers["content-type"] == ["application/json"]
        assert not LEAKS.search(response.text)
        json.loads(response.text)
        return response


NOT_PROMISED = [
    check
    for check in schemathesis.checks.CHECKS.get_all()
    # Texts of any form are valid to the definition, and the service refuses some; the key is the session's.
    if check.__name__
    in ("positive_data_acceptance", "negative_data_rejection", "ignored_auth", "missing_required_header")
]


@pytest.fixture(scope="module")
def api(server):
    held = Api(server)
    yield held
    held.session.close()
    assert "Traceback" not in server.output.read_text()


def run(api: Api, label: str, mode: GenerationMode, examples: int) -> None:
    statuses: set[int] = set()

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(20_260_101)
    @hypothesis.given(OPERATIONS[label].as_strategy(generation_mode=mode))
    def every_example(case: schemathesis.Case) -> None:
        statuses.add(api.check(case).status_code)

    every_example()
    assert statuses, "no request was made"


MODES = pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
LABELS = pytest.mark.parametrize("label", OPERATIONS)


@MODES
@LABELS
def test_answers_are_those_of_the_definition(api, label, mode):
    run(api, label, mode, EXAMPLES)


@pytest.mark.soak
@MODES
@LABELS
def test_answers_are_those_of_the_definition_for_long(api, label, mode):
    run(api, label, mode, SOAK_EXAMPLES)


@hypothesis.settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@hypothesis.seed(20_260_102)
@hypothesis.given(
    pattern=st.text(st.sampled_from('{}$.=!<>&|()[]"?-%^*\\/ ,0123456789aebcINSTANORLX\u00e9\U0001f600'), max_size=60)
)
def test_filter_patterns_of_customers(api, pattern):
    url = f"{api.url}/groups/%2Fgroundwatch%2Fserver/events"
    response = api.session.get(url, params={"filter": pattern, "limit": "1"}, timeout=30)
    assert response.status_code in (200, 400, 501), (pattern, response.text)
    assert not LEAKS.search(response.text)
    json.loads(response.text)
