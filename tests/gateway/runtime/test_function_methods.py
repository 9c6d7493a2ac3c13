"""`CUSTOM`: what functions are told, what their answers mean, and how long they are remembered."""

from __future__ import annotations

import asyncio
import json

import pytest

from groundwatch.gateway.definition import (
    AccessLogSettings,
    ApiKey,
    Authorizer,
    IntegrationResponse,
    MethodSetting,
)
from groundwatch.gateway.functions import FunctionAnswer, FunctionTimeoutError, FunctionUnavailableError

ACCOUNT = "123456789012"
API, REGION = "abcdef1234", "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:who"
URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/logs"
ARN = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/v1/GET"
KEY = ApiKey("key1234567", "k" * 40, "customer", ACCOUNT, REGION, 0, 0, enabled=True)
CONFIGURATION, FAILURE = "AuthorizerConfigurationException", "AuthorizerFailureException"
REFUSED = "User is not authorized to access this resource"


def statement(effect="Allow", resource="*", **more):
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource, **more}


def verdict(*statements, **members):
    document = {"Version": "2012-10-17", "Statement": list(statements or (statement(),))}
    return {"principalId": "ann", "policyDocument": document, **members}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{**held, "Principal": "*"} for held in statements]})


@pytest.fixture
def asked(make_gateway, mock):
    """A gateway with `/a` and `/b/{id}`, which ask a function."""

    def make(answer=None, *, kind="TOKEN", ttl_s=300, api=None, method=None, variables=None, **changes):
        source = {"TOKEN": "method.request.header.Auth", "REQUEST": "method.request.header.Auth"}[kind]
        given = {"authorizer_uri": URI, "identity_source": source, **changes}
        authorizer = Authorizer("auth12", "who", kind, authorizer_result_ttl_in_seconds=ttl_s, **given)
        members = {"authorization_type": "CUSTOM", "authorizer_id": "auth12", **(method or {})}
        methods = {path: mock(path, **members) for path in ("/a", "/b/{id}")}
        gateway = make_gateway(methods, authorizers={"auth12": authorizer}, variables=variables, **(api or {}))
        gateway.functions.answers[FUNCTION] = verdict() if answer is None else answer
        return gateway

    return make


async def send(gateway, path="/a", token="allow", **headers):
    return await gateway.request(path, headers={"Auth": token, **headers} if token is not None else headers)


async def test_a_token_and_the_method_are_what_the_function_is_told(asked):
    gateway = asked()
    assert (await send(gateway, "/b/x%2Fy?q=1")).status == 200
    event = {"type": "TOKEN", "methodArn": f"{ARN}/b/x%2Fy", "authorizationToken": "allow"}
    assert gateway.functions.calls == [(FUNCTION, event)]


async def test_a_request_is_what_the_function_is_told(asked):
    gateway = asked(kind="REQUEST", variables={"v": "1"})
    assert (await send(gateway, "/b/x%2Fy?q=1&q=2", **{"X-Other": "o"})).status == 200
    event = gateway.functions.calls[0][1]
    context, headers, multiple = (event.pop(name) for name in ("requestContext", "headers", "multiValueHeaders"))
    assert (headers["Auth"], headers["X-Other"], headers["User-Agent"]) == ("allow", "o", "tests")
    assert multiple["Auth"] == ["allow"]
    assert event == {
        "type": "REQUEST",
        "methodArn": f"{ARN}/b/x%2Fy",
        "resource": "/b/{id}",
        "path": "/b/x%2Fy",
        "httpMethod": "GET",
        "queryStringParameters": {"q": "2"},
        "multiValueQueryStringParameters": {"q": ["1", "2"]},
        "pathParameters": {"id": "x%2Fy"},
        "stageVariables": {"v": "1"},
    }
    assert context["identity"]["sourceIp"] == "203.0.113.9"
    assert context["identity"]["userArn"] is None
    wanted = {"accountId": ACCOUNT, "apiId": API, "stage": "v1", "resourcePath": "/b/{id}", "path": "/v1/b/x%2Fy"}
    assert {name: context[name] for name in wanted} == wanted
    assert "requestOverride" not in context


VERDICTS = [
    pytest.param(verdict(), None, id="allowed"),
    pytest.param(verdict(statement(resource=f"{ARN}/*")), None, id="allowed here"),
    pytest.param(verdict(statement(resource=f"{ARN}/b/*")), REFUSED, id="allowed elsewhere"),
    pytest.param(verdict(statement(Action="execute-api:*")), None, id="every action"),
    pytest.param(verdict(statement(Action="logs:*")), REFUSED, id="another service"),
    pytest.param(verdict(statement(), statement("Deny", f"{ARN}/a")), f"{REFUSED} with an explicit deny", id="denied"),
    pytest.param(
        verdict(statement(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})), None, id="a condition holds"
    ),
    pytest.param(
        verdict(statement(Condition={"StringEquals": {"aws:username": "ann"}})), REFUSED, id="no user has signed"
    ),
]


@pytest.mark.parametrize(("answer", "refused"), VERDICTS)
async def test_the_policy_of_the_function_decides(answer, refused, asked):
    given = await send(asked(answer))
    if refused is None:
        assert given.status == 200
        return
    assert (given.status, json.loads(given.body)) == (403, {"Message": refused})
    assert given.headers["x-amzn-errortype"] == "AccessDeniedException"


ALLOW, DENY, SILENT = policy(statement()), policy(statement("Deny")), policy(statement(resource=f"{ARN}/other"))
ANONYMOUS = "User: anonymous is not authorized to perform: execute-api:Invoke on resource: "
MASKED = f"arn:aws:execute-api:{REGION}:********9012:{API}/v1/GET/a"
TOGETHER = [
    pytest.param(verdict(), ALLOW, None, id="allow, allow"),
    pytest.param(verdict(), SILENT, None, id="allow, silent"),
    pytest.param(verdict(statement(resource="arn:x")), ALLOW, None, id="silent, allow"),
    pytest.param(verdict(statement(resource="arn:x")), SILENT, REFUSED, id="silent, silent"),
    pytest.param(verdict(statement("Deny")), ALLOW, f"{REFUSED} with an explicit deny", id="deny, allow"),
    pytest.param(verdict(), DENY, f"{ANONYMOUS}{MASKED} with an explicit deny", id="allow, deny"),
]


@pytest.mark.parametrize(("answer", "resource", "refused"), TOGETHER)
async def test_function_and_policy_of_the_api(answer, resource, refused, asked):
    gateway = asked(answer, api={"policy": resource})
    given = await send(gateway)
    assert (given.status, json.loads(given.body).get("Message")) == (200 if refused is None else 403, refused)
    # A Deny of the API ends the request before the function runs.
    assert len(gateway.functions.calls) == (0 if resource == DENY else 1)


FAILURES = [
    pytest.param(FunctionAnswer(b'{"errorMessage":"Unauthorized"}', "Unhandled"), 401, "UnauthorizedException",
                 id="the function does not know the caller"),
    pytest.param(FunctionAnswer(b'{"errorMessage":"unauthorized"}', "Unhandled"), 500, FAILURE, id="almost that"),
    pytest.param(FunctionAnswer(b"oops", "Unhandled"), 500, FAILURE, id="another failure"),
    pytest.param(FunctionTimeoutError("slow"), 500, FAILURE, id="no answer in time"),
    pytest.param(FunctionUnavailableError("no such function"), 500, CONFIGURATION, id="not run"),
    pytest.param(FunctionAnswer(b"{"), 500, CONFIGURATION, id="no JSON"),
    pytest.param(FunctionAnswer(b'{"principalId":"\xff"}'), 500, CONFIGURATION, id="no text"),
    pytest.param([], 500, CONFIGURATION, id="no object"),
    pytest.param({"policyDocument": {"Statement": []}}, 500, CONFIGURATION, id="no principal"),
    pytest.param({"principalId": "ann"}, 500, CONFIGURATION, id="no policy"),
    pytest.param({**verdict(), "policyDocument": "{}"}, 500, CONFIGURATION, id="a policy as text"),
    pytest.param({**verdict(), "policyDocument": {"Statement": [{"Effect": "Allow"}]}}, 500, CONFIGURATION,
                 id="a policy that says nothing"),
    pytest.param(verdict(statement(Condition={"Nope": {"a": "b"}})), 500, CONFIGURATION, id="an unknown operator"),
    pytest.param(verdict(context={"a": [1]}), 500, CONFIGURATION, id="a list in the context"),
    pytest.param(verdict(context="x"), 500, CONFIGURATION, id="a context that is none"),
    pytest.param(verdict(usageIdentifierKey=5), 500, CONFIGURATION, id="a key that is no text"),
    pytest.param(verdict(context={"a": "x" * 70_000}), 500, CONFIGURATION, id="a very long answer"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "status", "error_type"), FAILURES)
async def test_functions_that_do_not_decide(answer, status, error_type, asked):
    gateway = asked(answer)
    given = await send(gateway)
    assert (given.status, given.headers["x-amzn-errortype"]) == (status, error_type)
    assert given.body == ('{"message":"Unauthorized"}' if status == 401 else '{"message":null}')
    await send(gateway)
    assert len(gateway.functions.calls) == 2, "failures are not remembered"


IDENTITIES = [
    pytest.param({}, {"token": None}, 401, 0, id="no token"),
    pytest.param({}, {"token": ""}, 401, 0, id="an empty token"),
    pytest.param({"identity_validation_expression": "x-[a-z]+"}, {"token": "x-abc"}, 200, 1, id="of the wanted form"),
    pytest.param({"identity_validation_expression": "x-[a-z]+"}, {"token": "x-1"}, 401, 0, id="of another form"),
    pytest.param({"identity_validation_expression": "[a-z]+"}, {"token": "abc1"}, 401, 0, id="only in part"),
    pytest.param({"kind": "REQUEST"}, {"token": None}, 401, 0, id="REQUEST without its source"),
    pytest.param({"kind": "REQUEST", "ttl_s": 0}, {"token": None}, 200, 1, id="no source needed without a cache"),
    pytest.param({"kind": "REQUEST", "ttl_s": 0, "identity_source": None}, {}, 200, 1, id="no source at all"),
    pytest.param(
        {"kind": "REQUEST", "identity_source": "method.request.header.Auth,method.request.querystring.q"},
        {"path": "/a?q=1"},
        200,
        1,
        id="two sources",
    ),
    pytest.param(
        {"kind": "REQUEST", "identity_source": "method.request.header.Auth,method.request.querystring.q"},
        {"path": "/a?q="},
        401,
        0,
        id="one of two is empty",
    ),
    pytest.param(
        {"kind": "REQUEST", "identity_source": "stageVariables.v,context.identity.sourceIp", "variables": {"v": "1"}},
        {"token": None},
        200,
        1,
        id="stage variables and context",
    ),
]


@pytest.mark.parametrize(("authorizer", "request_", "status", "calls"), IDENTITIES)
async def test_identity_sources(authorizer, request_, status, calls, asked):
    gateway = asked(**authorizer)
    assert (await send(gateway, **request_)).status == status
    assert len(gateway.functions.calls) == calls


async def test_a_verdict_is_remembered_for_all_methods_of_the_stage(asked):
    gateway = asked(verdict(statement(resource=f"{ARN}/a")))
    assert [(await send(gateway, path)).status for path in ("/a", "/b/1", "/a")] == [200, 403, 200]
    assert len(gateway.functions.calls) == 1
    await send(gateway, token="other")
    assert len(gateway.functions.calls) == 2
    gateway.clock.now_ms += 299_999
    await send(gateway)
    assert len(gateway.functions.calls) == 2
    gateway.clock.now_ms += 1
    await send(gateway)
    assert len(gateway.functions.calls) == 3


async def test_two_tokens_are_none(asked):
    gateway = asked()
    assert (await gateway.request("/a", headers={"Auth": "deny", "auth": "allow"})).status == 401
    assert gateway.functions.calls == []


async def test_a_function_sees_every_value_that_a_backend_might_take(asked):
    gateway = asked(kind="REQUEST", identity_source="method.request.header.Auth, method.request.querystring.q")
    assert (await gateway.request("/a?q=1", headers={"Auth": "allow"})).status == 200
    gateway.functions.answers[FUNCTION] = verdict(statement("Deny"))
    for path, headers in (("/a?q=1", {"Auth": "deny", "auth": "allow"}), ("/a?q=2&q=1", {"Auth": "allow"})):
        assert (await gateway.request(path, headers=headers)).status == 403
    assert (await gateway.request("/a?q=1", headers={"Auth": "allow"})).status == 200
    assert len(gateway.functions.calls) == 3


async def test_one_call_for_callers_who_come_at_once(asked):
    gateway = asked()
    answers = await asyncio.gather(*(send(gateway) for _ in range(5)), send(gateway, token="other"))
    assert [answer.status for answer in answers] == [200] * 6
    assert len(gateway.functions.calls) == 2


async def test_a_flush_forgets_what_is_being_asked(asked):
    gateway = asked()
    begun, go_on = asyncio.Event(), asyncio.Event()
    invoke = gateway.functions.invoke

    async def slow(*arguments, **options):
        begun.set()
        await go_on.wait()
        return await invoke(*arguments, **options)

    gateway.functions.invoke = slow
    asking = asyncio.ensure_future(send(gateway))
    await begun.wait()
    gateway.app.stage_caches.flush_authorizers(API, "v1")
    go_on.set()
    assert (await asking).status == 200
    await send(gateway)
    assert len(gateway.functions.calls) == 2


async def test_a_flush_forgets(asked):
    gateway = asked()
    await send(gateway)
    gateway.app.stage_caches.flush_authorizers(API, "other")
    await send(gateway)
    assert len(gateway.functions.calls) == 1
    gateway.app.stage_caches.flush_authorizers(API, "v1")
    await send(gateway)
    assert len(gateway.functions.calls) == 2


async def test_nothing_is_remembered_without_a_time(asked):
    gateway = asked(ttl_s=0)
    for _ in range(2):
        await send(gateway)
    assert len(gateway.functions.calls) == 2


async def test_the_context_of_the_function(asked):
    template = (
        '{"p":"$context.authorizer.principalId","s":"$context.authorizer.s","n":"$context.authorizer.n",'
        '"b":"$context.authorizer.b","none":"$context.authorizer.none"}'
    )
    response = IntegrationResponse("200", response_templates={"application/json": template})
    context = {"s": "text", "n": 1.5, "b": True, "none": None, "principalId": "not mine to say"}
    gateway = asked(verdict(context=context), method={"integration": {"responses": {"200": response}}})
    answer = await send(gateway)
    assert gateway.entries[0].authorizer_principal == "ann"
    assert json.loads(answer.body) == {"p": "ann", "s": "text", "n": "1.5", "b": "true", "none": ""}


KEYS = [
    pytest.param(verdict(usageIdentifierKey="k" * 40), {}, 200, id="the key that the function names"),
    pytest.param(verdict(usageIdentifierKey="wrong"), {"x-api-key": "k" * 40}, 403, id="not the one that is sent"),
    pytest.param(verdict(), {"x-api-key": "k" * 40}, 403, id="none"),
]


@pytest.mark.parametrize(("answer", "headers", "status"), KEYS)
async def test_the_api_key_of_the_function(answer, headers, status, asked):
    gateway = asked(answer, api={"api_key_source": "AUTHORIZER"}, method={"api_key_required": True})
    gateway.catalog.keys[KEY.value] = KEY
    assert (await send(gateway, **headers)).status == status


FUNCTIONS = [
    pytest.param({"authorizer_credentials": ROLE}, 200, id="a role that trusts the gateway"),
    pytest.param({"authorizer_credentials": f"{ROLE}x"}, 500, id="a role that does not"),
    pytest.param({"authorizer_uri": URI.replace(ACCOUNT, "444455556666")}, 500, id="another tenant's function"),
    pytest.param(
        {"authorizer_uri": URI.replace("who", "${stageVariables.f}"), "variables": {"f": "who"}}, 200, id="a variable"
    ),
    pytest.param({"authorizer_uri": URI.replace("who", "${stageVariables.f}")}, 500, id="an unset variable"),
    pytest.param(
        {"authorizer_uri": URI.replace(ACCOUNT, "${stageVariables.f}"), "variables": {"f": "444455556666"}},
        500,
        id="another tenant through a variable",
    ),
]


@pytest.mark.parametrize(("authorizer", "status"), FUNCTIONS)
async def test_which_function_is_run(authorizer, status, asked):
    gateway = asked(**authorizer)
    gateway.identities.policies["AROA"] = (
        json.dumps(verdict(statement(Action="lambda:InvokeFunction"))["policyDocument"]),
    )
    assert (await send(gateway)).status == status
    assert len(gateway.functions.calls) == (1 if status == 200 else 0)


async def test_a_role_must_be_allowed_to_run_the_function(asked):
    gateway = asked(authorizer_credentials=ROLE)
    assert (await send(gateway)).headers["x-amzn-errortype"] == CONFIGURATION
    assert gateway.functions.calls == []


# --- logs ---

SECRET = "allow-me-with-this-long-token"


async def execution_log(gateway, token, **setting):
    """The lines that a request leaves in the execution log of its stage, without their prefix."""
    gateway.catalog.set_stage(method_settings={"*/*": MethodSetting(**setting)})
    answer = await send(gateway, token=token)
    (lines,) = gateway.app.stage_logs._queued.values()
    return answer.headers["x-amzn-requestid"], [line.partition(") ")[2] for _, line in lines]


async def test_the_log_of_an_authorizer(asked):
    request_id, lines = await execution_log(asked(), SECRET, logging_level="INFO")
    begun = lines.index(f"Starting authorizer: auth12 for request: {request_id}")
    assert lines[begun : begun + 5] == [
        f"Starting authorizer: auth12 for request: {request_id}",
        f"Incoming identity: {'*' * (len(SECRET) - 6)}-token",
        "Using valid authorizer policy for principal: **n",
        "Successfully completed authorizer execution",
        f"Verifying Usage Plan for request: {request_id}. API Key:  API Stage: {API}/v1",
    ]


@pytest.mark.parametrize("kind", ["TOKEN", "REQUEST"])
async def test_data_trace_shows_what_the_function_was_told_but_no_secrets(kind, asked):
    _, lines = await execution_log(asked(kind=kind), SECRET, logging_level="INFO", data_trace_enabled=True)
    told = next(line for line in lines if line.startswith("Endpoint request body after transformations: "))
    assert f'"{kind}"' in told
    assert f"Endpoint request URI: {URI}" in lines
    assert next(line for line in lines if line.startswith("Authorizer result body before parsing: {"))
    assert SECRET not in str([line for line in lines if not line.startswith("Method request headers")])


TOLD = [
    pytest.param(
        FunctionAnswer(b'{"errorMessage":"Unauthorized"}', "Unhandled"),
        ["Execution failed: the function does not know the caller", "Unauthorized request: {id}"],
        id="401",
    ),
    pytest.param(
        FunctionAnswer(b'{"errorMessage":"oops"}', "Unhandled"),
        ["Execution failed due to authorizer error: the function failed: oops", FAILURE],
        id="a failure",
    ),
    pytest.param(
        FunctionAnswer(b"null"),
        [
            "Execution failed due to configuration error: the authorizer cannot be used: its answer is no object",
            CONFIGURATION,
        ],
        id="no answer of an authorizer",
    ),
]


@pytest.mark.parametrize(("answer", "told"), TOLD)
async def test_failures_are_in_the_error_log(answer, told, asked):
    request_id, lines = await execution_log(asked(answer), SECRET, logging_level="ERROR")
    assert lines == [line.format(id=request_id) for line in told]


ACCESS = "$context.authorizer.status $context.authorizer.error|$context.authorize.status $context.authorize.error"
ACCESSES = [
    pytest.param(verdict(), "200 -|200 -", id="allowed"),
    pytest.param(verdict(statement("Deny")), f"200 -|403 {REFUSED} with an explicit deny", id="denied"),
    pytest.param(FunctionAnswer(b"{"), "500 -|- -", id="unusable"),
    pytest.param(FunctionAnswer(b'{"errorMessage":"Unauthorized"}', "x"), "401 Unauthorized|- -", id="unknown"),
]


@pytest.mark.parametrize(("answer", "line"), ACCESSES)
async def test_the_access_log_tells_of_the_authorizer(answer, line, asked):
    gateway = asked(answer)
    destination = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:access"
    gateway.catalog.set_stage(access_log_settings=AccessLogSettings(destination, ACCESS))
    await send(gateway)
    assert [text for lines in gateway.app.stage_logs._queued.values() for _, text in lines] == [line]


async def test_how_long_the_function_took(asked):
    template = '{"took":$context.authorizer.integrationLatency}'
    response = IntegrationResponse("200", response_templates={"application/json": template})
    gateway = asked(method={"integration": {"responses": {"200": response}}})
    invoke = gateway.functions.invoke

    async def slow(*arguments, **options):
        gateway.clock.now_ms += 70
        return await invoke(*arguments, **options)

    gateway.functions.invoke = slow
    assert [(await send(gateway)).body for _ in range(2)] == ['{"took":70}', '{"took":0}']
