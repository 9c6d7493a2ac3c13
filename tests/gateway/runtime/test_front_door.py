"""Addresses, and limits: what happens before and around the pipeline."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest
from tests.exchanges import Client

ADDRESSES = [
    pytest.param("/abcdef1234/v1", "127.0.0.1:8443", 200, id="path style"),
    pytest.param("/v1", "abcdef1234.execute-api.localhost:8443", 200, id="host style, local"),
    pytest.param("/v1", "abcdef1234.execute-api.eu-west-1.amazonaws.com", 200, id="host style, as on AWS"),
    pytest.param("/v2", "abcdef1234.execute-api.localhost", 403, id="unknown stage"),
    pytest.param("/v1", "zzzzzz1234.execute-api.localhost", 403, id="unknown API"),
    pytest.param("/abcdef1234/v1", "abcdef1234.execute-api.localhost", 403, id="path style on an API host"),
    pytest.param("/abcdef1234", "localhost", 403, id="no stage"),
    pytest.param("", "localhost", 403, id="nothing"),
    pytest.param("/abc..def/v1", "localhost", 403, id="an id that cannot be"),
]


@pytest.mark.parametrize(("prefix", "host", "status"), ADDRESSES)
async def test_address(prefix, host, status, make_gateway, mock):
    answer = await make_gateway({"/": mock()}).request("/", prefix=prefix, host=host)
    assert answer.status == status
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-requestid"])
    if status == 403:
        assert answer.body == '{"message":"Forbidden"}'
        assert answer.headers["x-amzn-errortype"] == "ForbiddenException"


async def test_disabled_endpoint_is_forbidden(make_gateway, mock):
    gateway = make_gateway({"/": mock()}, disable_execute_api_endpoint=True)
    assert (await gateway.request("/")).body == '{"message":"Forbidden"}'


async def test_a_disabled_account_is_forbidden_at_once(make_gateway, mock):
    gateway = make_gateway({"/": mock()})
    assert (await gateway.request("/")).status == 200
    gateway.identities.disabled.add("123456789012")
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (403, '{"message":"Forbidden"}')
    assert answer.headers["x-amzn-errortype"] == "ForbiddenException"
    assert gateway.entries[-1].error_reason == "the account 123456789012 is disabled"
    gateway.identities.disabled.clear()
    assert (await gateway.request("/")).status == 200


async def test_unknown_route(make_gateway, mock):
    answer = await make_gateway({"/": mock()}).request("/nowhere")
    assert (answer.status, answer.body) == (403, '{"message":"Missing Authentication Token"}')
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


async def test_unknown_route_with_another_authorization(make_gateway, mock):
    answer = await make_gateway({"/": mock()}).request("/nowhere", headers={"Authorization": "Bearer secret"})
    message = msgspec.json.decode(answer.body)["message"]
    assert message.startswith("Invalid key=value pair (missing equal-sign) in Authorization header")
    assert "secret" not in message
    assert answer.headers["x-amzn-errortype"] == "IncompleteSignatureException"


async def test_default_headers(make_gateway, mock):
    answer = await make_gateway({"/": mock()}).request("/")
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-requestid"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{15}=", answer.headers["x-amz-apigw-id"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert "x-amzn-trace-id" not in answer.headers  # MOCK has none


REQUEST_IDS = [
    pytest.param("6d1c0a52-0b1f-4f0e-9b9d-2f4f0d2a7c11", True, id="a client's own UUID is kept"),
    pytest.param("not-a-uuid", False, id="a malformed one is replaced"),
]


@pytest.mark.parametrize(("given", "kept"), REQUEST_IDS)
async def test_request_id(given, kept, make_gateway, mock):
    answer = await make_gateway({"/": mock()}).request("/", headers={"x-amzn-RequestId": given})
    assert (answer.headers["x-amzn-requestid"] == given) is kept


async def test_health_is_served_beside_the_apis(make_gateway, mock):
    gateway = make_gateway({"/": mock()})
    answer = await gateway.request("", prefix="/health")
    assert (answer.status, answer.body) == (200, "fine")
    assert gateway.entries == []


async def test_health_path_of_an_api_host_belongs_to_the_api(make_gateway, mock):
    answer = await make_gateway({"/": mock()}).request("", prefix="/health", host="abcdef1234.execute-api.localhost")
    assert answer.status == 403


async def test_head_has_the_length_but_no_body(make_gateway, mock):
    answer = await make_gateway({"/": mock(verb="HEAD")}).request("/", "HEAD")
    assert (answer.body, answer.headers["content-length"]) == ("", "15")


def post(*fields: tuple[str, str]) -> Client:
    return Client("POST", "/abcdef1234/v1/", [("host", "localhost"), *fields])


async def test_large_payload_is_refused_unread(make_gateway, mock):
    client = post(("content-length", "10485761"))
    await asyncio.wait_for(client.exchange.run(make_gateway({"/": mock(verb="POST")}).app), 5)
    assert (client.status, client.body) == (413, b'{"message":"Request Too Long"}')
    assert client.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("length", "status"),
    [
        pytest.param("0" * 5000, 200, id="more digits than int() takes"),
        pytest.param("9" * 5000, 413, id="more bytes than there are"),
        pytest.param("9\xb2", 200, id="a superscript"),
        pytest.param("-1", 200, id="below zero"),
    ],
)
async def test_odd_lengths_are_no_errors_of_the_server(length, status, make_gateway, mock):
    client = await post(("content-length", length)).ask(make_gateway({"/": mock(verb="POST")}).app)
    assert client.status == status


async def test_large_payload_without_length_is_refused_at_the_limit(make_gateway, mock):
    client = post()
    serving = asyncio.ensure_future(client.exchange.run(make_gateway({"/": mock(verb="POST")}).app))
    for at in range(3):
        assert (at, client.wire.written) == (at, b"")
        client.send(bytes(4 * 1024 * 1024), more=True)
        await asyncio.sleep(0)
    await asyncio.wait_for(serving, 5)
    assert client.status == 413


async def test_client_that_goes_away_gets_nothing(make_gateway, mock):
    client = post()
    client.send(b"{", more=True)
    client.leave()
    await client.exchange.run(make_gateway({"/": mock(verb="POST")}).app)
    assert client.wire.written == b""


async def test_large_headers_are_refused(make_gateway, mock):
    assert (await make_gateway({"/": mock()}).request("/", headers={"x": "y" * 10240})).status == 431


async def test_access_entry_of_a_success(make_gateway, mock):
    gateway = make_gateway({"/groups/{group}": mock()})
    answer = await gateway.request("/groups/a%2Fb?x=1")
    (entry,) = gateway.entries
    assert entry.request_id == answer.headers["x-amzn-requestid"]
    assert (entry.api_id, entry.stage, entry.deployment_id) == ("abcdef1234", "v1", "dep123")
    assert (entry.path, entry.resource_path, entry.status) == ("/v1/groups/a%2Fb", "/groups/{group}", 200)
    assert (entry.source_ip, entry.user_agent, entry.integration_status) == ("203.0.113.9", "tests", 200)
    assert entry.response_length_bytes == len(answer.body)


async def test_access_entry_of_a_refusal(make_gateway, mock):
    gateway = make_gateway({"/": mock()})
    await gateway.request("/nowhere")
    (entry,) = gateway.entries
    assert (entry.status, entry.error_response_type) == (403, "MISSING_AUTHENTICATION_TOKEN")
    assert (entry.deployment_id, entry.resource_path) == ("dep123", None)


@pytest.mark.parametrize("path", ["/" + "a" * 10240, "/?q=" + "a" * 10240])
async def test_a_uri_that_is_too_long(path, make_gateway, mock):
    answer = await make_gateway({"/": mock(), "/{a}": mock()}).request(path)
    assert (answer.status, answer.body) == (414, '{"message":"Request URI too long"}')


ARN_PREFIX = len("arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/v1/GET/")
OPEN = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:*","Resource":"*"}}'
ARNS = [
    pytest.param("NONE", None, 1601, 200, id="an open method has none"),
    pytest.param("NONE", OPEN, 1600, 200, id="as long as it may be"),
    pytest.param("NONE", OPEN, 1601, 414, id="a policy makes one"),
    pytest.param("AWS_IAM", None, 1601, 414, id="a signature makes one"),
    pytest.param("AWS_IAM", None, 1600, 403, id="not signed"),
]


@pytest.mark.parametrize(("kind", "policy", "arn_bytes", "status"), ARNS)
async def test_the_arn_of_a_method_with_authorization(kind, policy, arn_bytes, status, make_gateway, mock):
    gateway = make_gateway({"/{a}": mock("/{a}", authorization_type=kind)}, policy=policy)
    assert (await gateway.request("/" + "a" * (arn_bytes - ARN_PREFIX))).status == status
