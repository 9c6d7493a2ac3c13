"""The main job, step by step, with the real AWS CLI: real log lines, read over HTTPS through an AWS integration."""

import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest

GROUP = "/hdfs/datanode"
STREAM = "node-1"
ROLE = "logs-reader"
LOGHUB = Path(__file__).parents[3] / "shared" / "data" / "loghub" / "HDFS.log"
UNKNOWN_OPERATION = {
    "Output": {"__type": "com.amazon.coral.service#UnknownOperationException", "message": None},
    "Version": "1.0",
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def lines() -> list[str]:
    if LOGHUB.exists():
        return LOGHUB.read_text().splitlines()[:50]
    return [f"081109 2036{n:02} 148 INFO dfs.DataNode: block blk_{n} served to 10.0.0.{n}" for n in range(50)]


def policy(resource: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": resource}],
        }
    )


class Api:
    """The API that the scenario builds up."""

    def __init__(self, server) -> None:
        self.server = server
        self.account = server.aws_json("sts", "get-caller-identity")["Account"]
        self.role_arn = f"arn:aws:iam::{self.account}:role/{ROLE}"
        api = server.aws_json("apigateway", "create-rest-api", "--name", "events")
        self.id, self.root = api["id"], api["rootResourceId"]

    def call(self, command: str, *words: str):
        return self.server.aws_json("apigateway", command, "--rest-api-id", self.id, *words)

    def resource(self, parent: str, part: str) -> str:
        return self.call("create-resource", "--parent-id", parent, "--path-part", part)["id"]

    def method(self, resource: str, *parameters: str) -> None:
        get = ("--resource-id", resource, "--http-method", "GET")
        declared = ["--request-parameters", ",".join(f"method.request.{name}=false" for name in parameters)]
        self.call("put-method", *get, "--authorization-type", "NONE", *(declared if parameters else []))
        self.call("put-method-response", *get, "--status-code", "200")

    def integration(self, resource: str, *more: str) -> None:
        get = ("--resource-id", resource, "--http-method", "GET")
        uri = "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"
        self.call(
            *("put-integration", *get, "--type", "AWS", "--integration-http-method", "POST"),
            *("--uri", uri, "--credentials", self.role_arn, *more),
        )
        self.call("put-integration-response", *get, "--status-code", "200")

    def deploy(self) -> None:
        self.call("create-deployment", "--stage-name", "prod")

    def get(self, path: str, headers: dict[str, str] | None = None):
        return self.server.get(f"/{self.id}/prod{path}", headers)


@pytest.fixture(scope="module")
def api(server) -> Api:
    now_ms = int(time.time() * 1000)
    server.aws_json("logs", "create-log-group", "--log-group-name", GROUP)
    place = ("--log-group-name", GROUP, "--log-stream-name", STREAM)
    server.aws_json("logs", "create-log-stream", *place)
    events = [{"timestamp": now_ms + n, "message": line} for n, line in enumerate(lines())]
    answer = server.aws_json("logs", "put-log-events", *place, "--log-events", json.dumps(events))
    assert "rejectedLogEventsInfo" not in answer
    server.aws_json(
        *("iam", "create-role", "--role-name", ROLE, "--assume-role-policy-document", json.dumps(TRUST)),
    )
    built = Api(server)
    allow(built, "log-group:*:*:*")
    return built


def allow(api: Api, resource: str) -> None:
    arn = f"arn:aws:logs:us-east-1:{api.account}:{resource}"
    put = ("iam", "put-role-policy", "--role-name", ROLE, "--policy-name", "read")
    api.server.aws_json(*put, "--policy-document", policy(arn))


HEADERS = {
    "integration.request.header.X-Amz-Target": "'Logs_20140328.GetLogEvents'",
    "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
}


def test_without_the_two_headers_the_service_knows_no_operation(api):
    events = api.resource(api.root, "plain")
    api.method(events)
    api.integration(events)
    tested = api.call("test-invoke-method", "--resource-id", events, "--http-method", "GET")
    assert json.loads(tested["body"]) == UNKNOWN_OPERATION
    api.deploy()
    answer = api.get("/plain")
    assert answer.status == 200
    assert answer.json() == UNKNOWN_OPERATION
    assert "x-amzn-requestid" in answer.headers


@pytest.fixture(scope="module")
def mapped(api) -> str:
    events = api.resource(api.root, "events")
    api.method(events)
    template = json.dumps({"logGroupName": GROUP, "logStreamName": STREAM, "startFromHead": True})
    templates = json.dumps({"application/json": template})
    api.integration(events, "--request-parameters", json.dumps(HEADERS), "--request-templates", templates)
    return events


def test_nothing_is_live_before_the_deployment(api, mapped):
    answer = api.get("/events")
    assert (answer.status, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_with_both_headers_and_a_body_the_events_come(api, mapped):
    api.deploy()
    answer = api.get("/events")
    assert answer.status == 200
    assert [event["message"] for event in answer.json()["events"]] == lines()


@pytest.mark.parametrize("narrowed", [True, False], ids=["another group", "no policy"])
def test_a_role_that_may_not_is_told_so(api, mapped, narrowed):
    api.deploy()
    if narrowed:
        allow(api, "log-group:/other:*")
    else:
        api.server.aws_json("iam", "delete-role-policy", "--role-name", ROLE, "--policy-name", "read")
    try:
        answer = api.get("/events")
    finally:
        allow(api, "log-group:*:*:*")
    assert answer.json()["__type"] == "AccessDeniedException"
    message = answer.json().get("message") or answer.json()["Message"]
    session = f"arn:aws:sts::{api.account}:assumed-role/{ROLE}/BackplaneAssumeRoleSession"
    resource = f"arn:aws:logs:us-east-1:{api.account}:log-group:{GROUP}:log-stream:{STREAM}"
    expected = f"User: {session} is not authorized to perform: logs:GetLogEvents on resource: {resource}"
    assert message.startswith(expected)


TEMPLATE = """
{"logGroupName": "$input.params('group')", "logStreamName": "$input.params('stream')", "startFromHead": true
#if($input.params('startTime') != ''), "startTime": $input.params('startTime')#end
#if($input.params('endTime') != ''), "endTime": $input.params('endTime')#end
#if($input.params('limit') != ''), "limit": $input.params('limit')#end
#if($input.params('nextToken') != ''), "nextToken": "$input.params('nextToken')"#end
}
"""


@pytest.fixture(scope="module")
def with_parameters(api) -> str:
    group = api.resource(api.resource(api.root, "groups"), "{group}")
    stream = api.resource(api.resource(group, "streams"), "{stream}")
    api.method(
        stream,
        *("path.group", "path.stream", "querystring.startTime", "querystring.endTime", "querystring.limit"),
        *("querystring.nextToken", "header.X-Operation"),
    )
    parameters = HEADERS | {"integration.request.header.X-Amz-Target": "method.request.header.X-Operation"}
    templates = json.dumps({"application/json": TEMPLATE})
    api.integration(stream, "--request-parameters", json.dumps(parameters), "--request-templates", templates)
    api.deploy()
    return f"/groups/{quote(GROUP, safe='')}/streams/{STREAM}"


def check_parameters(get, path: str) -> None:
    operation = {"X-Operation": "Logs_20140328.GetLogEvents"}
    first = get(f"{path}?limit=20", operation).json()
    assert [event["message"] for event in first["events"]] == lines()[:20]
    token = quote(first["nextForwardToken"], safe="")
    second = get(f"{path}?limit=20&nextToken={token}", operation).json()
    assert [event["message"] for event in second["events"]] == lines()[20:40]
    start, end = first["events"][3]["timestamp"], first["events"][7]["timestamp"]
    ranged = get(f"{path}?startTime={start}&endTime={end}", operation).json()
    assert [event["message"] for event in ranged["events"]] == lines()[3:7]


def test_parameters_come_from_path_query_and_headers(api, with_parameters):
    check_parameters(api.get, with_parameters)
    assert api.get(with_parameters).json() == UNKNOWN_OPERATION


def test_the_same_api_as_one_openapi_file(server, api, tmp_path):
    example = Path(__file__).parents[2] / "examples" / "get-log-events.yaml"
    document = example.read_text().replace("logs-reader", ROLE)
    body = tmp_path / "api.yaml"
    body.write_text(document)
    imported = server.aws_json("apigateway", "import-rest-api", "--fail-on-warnings", "--body", f"fileb://{body}")
    server.aws_json("apigateway", "create-deployment", "--rest-api-id", imported["id"], "--stage-name", "prod")
    path = f"/{imported['id']}/prod/groups/{quote(GROUP, safe='')}/streams/{STREAM}"
    check_parameters(lambda rest, headers: server.get(path + rest.removeprefix(path), headers), path)


def test_the_bundled_api_reads_the_same_events(server, api):
    apis = server.aws_json("apigateway", "get-rest-apis")["items"]
    bundled = next(item for item in apis if item["name"] == "groundwatch-logs")
    keys = server.aws_json("apigateway", "get-api-keys", "--name-query", "groundwatch-logs", "--include-values")
    key = {"x-api-key": keys["items"][0]["value"]}
    base = f"/{bundled['id']}/v1/groups"
    assert server.get(base).json() == {"message": "Forbidden"}
    groups = server.get(f"{base}?prefix=%2Fhdfs", key).json()
    assert [group["name"] for group in groups["groups"]] == [GROUP]
    place = f"{base}/{quote(GROUP, safe='')}"
    streams = server.get(f"{place}/streams", key).json()["streams"]
    assert [stream["name"] for stream in streams] == [STREAM]
    page = server.get(f"{place}/streams/{STREAM}/events?limit=10", key).json()
    assert [event["message"] for event in page["events"]] == lines()[-10:]
    older = server.get(f"{place}/streams/{STREAM}/events{page['older']}", key).json()
    assert [event["message"] for event in older["events"]] == lines()[-20:-10]
    word = lines()[0].split()[-1]
    found = server.get(f"{place}/events?filter=%22{quote(word, safe='')}%22", key).json()
    assert lines()[0] in [event["message"] for event in found["events"]]
    missing = server.get(f"{base}/nope/streams", key)
    assert (missing.status, missing.json()["error"]) == (404, "ResourceNotFoundException")
    wrong = server.get(f"{place}/streams/{STREAM}/events?limit=ten", key)
    assert (wrong.status, wrong.json()["error"]) == (400, "SerializationException")
