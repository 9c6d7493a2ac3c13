"""Who may call: authorization that is not there is never taken for open, and API keys."""

from __future__ import annotations

import pytest

from groundwatch.gateway.definition import ApiKey, RequestValidator

KEY = ApiKey("key1234567", "k" * 40, "customer", "123456789012", "eu-west-1", 0, 0, enabled=True)


async def test_what_is_not_implemented_is_refused_and_explained_in_the_log(make_gateway, mock, caplog):
    gateway = make_gateway({"/": mock(authorization_type="ANYTHING")})
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (500, '{"message": "Internal server error"}')
    assert answer.headers["x-amzn-errortype"] == "InternalServerErrorException"
    assert "not implemented" in caplog.text
    assert gateway.entries[0].error_response_type == "API_CONFIGURATION_ERROR"


KEYS = [
    pytest.param({"x-api-key": "k" * 40}, 200, id="the key"),
    pytest.param({"X-API-KEY": "k" * 40}, 200, id="the header in any case"),
    pytest.param({"x-api-key": "wrong"}, 403, id="an unknown key"),
    pytest.param({"x-api-key": ""}, 403, id="an empty key"),
    pytest.param({}, 403, id="no key"),
]


@pytest.mark.parametrize(("headers", "status"), KEYS)
async def test_api_key(headers, status, make_gateway, mock):
    gateway = make_gateway({"/": mock(api_key_required=True)})
    gateway.catalog.keys[KEY.value] = KEY
    answer = await gateway.request("/", headers=headers)
    assert answer.status == status
    assert gateway.entries[0].api_key_id == ("key1234567" if status == 200 else None)
    if status == 403:
        assert answer.body == '{"message":"Forbidden"}'


async def test_key_is_ignored_where_none_is_needed(make_gateway, mock):
    gateway = make_gateway({"/": mock()})
    assert (await gateway.request("/", headers={"x-api-key": "wrong"})).status == 200
    assert gateway.entries[0].api_key_id is None


PARAMETERS = {
    "method.request.querystring.qs1": True,
    "method.request.path.issuer": True,
    "method.request.header.x-header-param": True,
    "method.request.querystring.optional": False,
}
VALIDATION = [
    pytest.param("/x?qs1=1", {"x-header-param": "a"}, None, id="all there"),
    pytest.param("/x", {}, "[x-header-param, qs1]", id="headers come before query strings"),
    pytest.param("/%20?qs1=+", {"x-header-param": " "}, "[x-header-param, issuer, qs1]", id="blank is missing"),
]


@pytest.mark.parametrize(("path", "headers", "missing"), VALIDATION)
async def test_required_parameters(path, headers, missing, make_gateway, mock):
    validators = {"val123": RequestValidator("val123", "v", validate_request_parameters=True)}
    method = mock(request_validator_id="val123", request_parameters=PARAMETERS)
    answer = await make_gateway({"/{issuer}": method}, request_validators=validators).request(path, headers=headers)
    if missing is None:
        assert answer.status == 200
    else:
        assert answer.status == 400
        assert answer.body == f'{{"message": "Missing required request parameters: {missing}"}}'
        assert answer.headers["x-amzn-errortype"] == "BadRequestException"


async def test_parameters_are_not_checked_without_a_validator(make_gateway, mock):
    assert (await make_gateway({"/{issuer}": mock(request_parameters=PARAMETERS)}).request("/x")).status == 200
