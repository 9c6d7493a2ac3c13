"""Requests to custom domains: which mapping takes them, what is left of the path, and what `$context` shows."""

from __future__ import annotations

import msgspec
import pytest

from groundwatch.gateway.definition import AccessLogSettings, IntegrationResponse
from groundwatch.gateway.domains.directory import DomainRoutes
from groundwatch.gateway.domains.values import BasePathMapping, DomainName

API = "abcdef1234"
TEMPLATE = (
    '{"resource":"$context.resourcePath","path":"$context.path","domain":"$context.domainName",'
    '"prefix":"$context.domainPrefix","stage":"$context.stage"}'
)
DOMAINS = {
    "api.example.com": {"shop": (API, "v1"), "open": (API, None), "gone": (API, "v9")},
    "all.example.com": {"(none)": (API, "v1"), "shop": (API, "v1")},
    "staged.example.com": {"(none)": (API, None)},
    "*.example.com": {"(none)": (API, "v1")},
    "empty.example.com": {},
}


@pytest.fixture
def gateway(make_gateway, make_domains, mock):
    responses = {"200": IntegrationResponse("200", response_templates={"application/json": TEMPLATE})}
    method = mock(integration={"responses": responses})
    paths = dict.fromkeys(("/", "/pets", "/health", "/shop"), method)
    return make_gateway(paths, domains=make_domains(DOMAINS), disable_execute_api_endpoint=True)


@pytest.mark.parametrize(
    ("host", "path", "resource", "shown"),
    [
        pytest.param("api.example.com", "/shop/pets", "/pets", "/shop/pets", id="a-base-path-is-taken-off"),
        pytest.param("api.example.com:8443", "/shop", "/", "/shop/", id="nothing-behind-it"),
        pytest.param("API.Example.com.", "/shop/", "/", "/shop/", id="hosts-have-no-case-and-may-end-in-a-dot"),
        pytest.param("api.example.com", "/open/v1/pets", "/pets", "/open/v1/pets", id="the-path-names-the-stage"),
        pytest.param("all.example.com", "/pets", "/pets", "/pets", id="without-base-path"),
        pytest.param("all.example.com", "/", "/", "/", id="the-root"),
        pytest.param("all.example.com", "/shop/pets", "/pets", "/shop/pets", id="a-base-path-before-none"),
        pytest.param("staged.example.com", "/v1/pets", "/pets", "/v1/pets", id="a-stage-without-base-path"),
        pytest.param("any.example.com", "/pets", "/pets", "/pets", id="a-wildcard"),
        pytest.param("any.example.com", "/health", "/health", "/health", id="every-path-is-the-domains"),
    ],
)
async def test_where_requests_go(gateway, host, path, resource, shown):
    answer = await gateway.request(path, prefix="", host=host)
    name = host.partition(":")[0].removesuffix(".")
    assert msgspec.json.decode(answer.body) == {
        "resource": resource,
        "path": shown,
        "domain": name,
        "prefix": name.partition(".")[0],
        "stage": "v1",
    }
    assert (gateway.entries[-1].path, gateway.entries[-1].domain_name) == (shown, name)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        pytest.param("api.example.com", "/pets", id="no-mapping"),
        pytest.param("api.example.com", "/Shop/pets", id="base-paths-have-case"),
        pytest.param("api.example.com", "/shopping", id="whole-segments-only"),
        pytest.param("api.example.com", "/gone/pets", id="a-stage-that-is-not-there"),
        pytest.param("api.example.com", "/open", id="no-stage-in-the-path"),
        pytest.param("api.example.com", "/open/no.stage/pets", id="what-can-be-no-stage"),
        pytest.param("api.example.com", f"/{API}/v1/pets", id="path-style-is-for-other-hosts"),
        pytest.param("all.example.com.evil.test", f"/{API}/v1/pets", id="the-default-endpoint-is-disabled"),
        pytest.param(f"{API}.execute-api.localhost", "/v1/pets", id="so-is-its-own-host"),
        pytest.param("empty.example.com", "/pets", id="an-exact-name-hides-the-wildcard"),
        pytest.param("a.b.example.com", f"/{API}/v1/pets", id="a-wildcard-is-one-label"),
        pytest.param("example.com", f"/{API}/v1/pets", id="a-wildcard-is-not-nothing"),
    ],
)
async def test_what_is_forbidden(gateway, host, path):
    answer = await gateway.request(path, prefix="", host=host)
    assert (answer.status, answer.body) == (403, '{"message":"Forbidden"}')


async def test_an_unknown_path_behind_a_mapping(gateway):
    answer = await gateway.request("/shop/nowhere", prefix="", host="api.example.com")
    assert (answer.status, answer.body) == (403, '{"message":"Missing Authentication Token"}')


@pytest.mark.parametrize(
    ("host", "path", "matched"), [("api.example.com", "/shop/pets", "shop"), ("any.example.com", "/pets", "(none)")]
)
async def test_access_logs_know_the_base_path(gateway, host, path, matched):
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:access"
    gateway.catalog.set_stage(access_log_settings=AccessLogSettings(arn, "$context.customDomain.basePathMatched"))
    await gateway.request(path, prefix="", host=host)
    ((_, line),) = next(iter(gateway.app.stage_logs._queued.values()))
    assert line == matched


async def test_events_for_functions_have_the_base_path(make_gateway, make_domains):
    from groundwatch.gateway.definition import Integration, Method

    function = "arn:aws:lambda:eu-west-1:123456789012:function:f"
    uri = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations"
    method = Method("GET", integration=Integration("AWS_PROXY", http_method="POST", uri=uri))
    gateway = make_gateway({"/pets": method}, domains=make_domains(DOMAINS))
    gateway.functions.answers[function] = {"statusCode": 200, "body": "ok"}
    await gateway.request("/shop/pets", prefix="", host="api.example.com")
    event = gateway.functions.calls[0][1]
    assert (event["path"], event["requestContext"]["path"], event["resource"]) == ("/shop/pets", "/shop/pets", "/pets")


@pytest.mark.parametrize(
    ("path", "base_path", "rest"),
    [
        ("/a/b", "a", "/b"),
        ("/a", "a", ""),
        ("a/b", "a", "/b"),
        ("/(none)/b", "(none)", "/(none)/b"),
        ("//a", "(none)", "//a"),
        ("", "(none)", "/"),
    ],
)
def test_destinations(path, base_path, rest):
    mappings = {key: BasePathMapping(key, API, "v1") for key in ("a", "(none)")}
    found = DomainRoutes(DomainName("x.test", "1", "r", "d-1", 0), mappings).destination(path)
    assert (found.mapping.base_path, found.rest) == (base_path, rest)
