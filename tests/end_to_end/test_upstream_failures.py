"""An upstream that refuses, throttles and hangs: how often it is asked, and what clients get meanwhile."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.live import RunningServer

ACCOUNT = "123456789012"
DEFINITION = Path(__file__).parents[2] / "examples" / "get-log-events.yaml"
TIMEOUT_MS = 700
GET = {"X-Operation": "Logs_20140328.GetLogEvents"}
ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
OPERATOR = "arn:aws:iam::123456789012:user/operator"
REFUSED = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>User: {OPERATOR} is not authorized to perform: sts:AssumeRole</Message></Error>
<RequestId>x</RequestId></ErrorResponse>"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class Said(NamedTuple):
    """What the fake service answers."""

    status: int
    body: object
    error_type: str | None = None


EVENTS = Said(200, {"events": [], "nextForwardToken": "f", "nextBackwardToken": "b"})


class Fake(http.server.ThreadingHTTPServer):
    """STS with numbered credentials, and a CloudWatch Logs that answers `logs(access key id)`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.over = threading.Event()
        self.reset()

    def reset(self) -> None:
        self.assumed, self.keys = 0, []
        self.over.clear()
        self.logs: Callable[[str], Said | None] = lambda _key: EVENTS
        self.sts_hangs = self.sts_refuses = False

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self.over.wait(30)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Fake
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if "Action=AssumeRole" in body:
            self._sts()
            return
        key = self.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        self.server.keys.append(key)
        said = self.server.logs(key)
        if said is None:
            self.close_connection = True
            return
        self._answer(said.status, json.dumps(said.body).encode(), {"x-amzn-ErrorType": said.error_type})

    def _sts(self):
        self.server.assumed += 1
        number = self.server.assumed
        if self.server.sts_hangs:
            self.server.hang()
            self.close_connection = True
            return
        if self.server.sts_refuses:
            self._answer(403, REFUSED.encode(), {})
            return
        self._answer(200, ASSUMED.format(number=number).encode(), {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str | None]):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    with Fake() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def running(fake, tmp_path_factory) -> Iterator[RunningServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAUPSTREAM")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "upstream-secret")
        data = tmp_path_factory.mktemp("upstream") / "data"
        server = RunningServer(data, "--account", ACCOUNT, "--upstream", fake.url).start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def path(fake, running, request) -> Iterator[str]:
    """The path of a stream in an API with a role of its own, so that no session is known yet."""
    fake.reset()
    role = f"reader-{abs(hash(request.node.name))}"
    iam, gateway = running.client("iam"), running.client("apigateway")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
    text = DEFINITION.read_text().replace("${AWS::Region}", "us-east-1").replace("${AWS::AccountId}", ACCOUNT)
    text = text.replace("role/logs-reader", f"role/{role}\n        timeoutInMillis: {TIMEOUT_MS}")
    text += '          "4\\\\d{2}":\n            statusCode: "429"\n'
    text += '            responseTemplates: { application/json: \'{"refused":$input.json("$.__type")}\' }\n'
    text = text.replace("A page of events. }\n", 'A page of events. }\n        "429": { description: Refused. }\n')
    api = gateway.import_rest_api(body=text.encode())["id"]
    gateway.create_deployment(restApiId=api, stageName="v1")
    yield f"/{api}/v1/groups/g/streams/s"
    fake.over.set()


def refusing(*keys: str, code: str = "ExpiredTokenException") -> Callable[[str], Said]:
    refusal = Said(400, {"__type": code, "message": "The security token included in the request is expired"})
    return lambda key: refusal if key in keys else EVENTS


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException", "com.amazon#ExpiredToken"])
def test_a_session_that_is_refused_is_replaced_once(fake, running, path, code):
    fake.logs = refusing("ASIA1", code=code)
    assert running.get(path, GET).status == 200
    assert (fake.keys, fake.assumed) == (["ASIA1", "ASIA2"], 2)
    assert running.get(path, GET).status == 200
    assert fake.keys[2:] == ["ASIA2"]


def test_a_refusal_in_a_header(fake, running, path):
    fake.logs = lambda key: Said(403, {"message": "no"}, "ExpiredTokenException:http://x") if key == "ASIA1" else EVENTS
    assert running.get(path, GET).status == 200
    assert fake.keys == ["ASIA1", "ASIA2"]


def test_whoever_is_always_refused_gets_the_refusal(fake, running, path):
    fake.logs = refusing("ASIA1", "ASIA2", code="UnrecognizedClientException")
    answer = running.get(path, GET)
    assert (answer.status, answer.json()) == (429, {"refused": "UnrecognizedClientException"})
    assert fake.keys == ["ASIA1", "ASIA2"]


def test_many_that_are_refused_at_once_share_the_next_session(fake, running, path):
    together = threading.Barrier(6)

    def logs(key):
        if key == "ASIA1":
            together.wait(20)
        return refusing("ASIA1")(key)

    fake.logs = logs
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: running.get(path, GET).status, range(6)))
    assert (answers, fake.assumed) == ([200] * 6, 2)


@pytest.mark.parametrize(
    "said",
    [
        Said(400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
        Said(400, {"__type": "ValidationException", "message": "1 error: 'ExpiredTokenException' is no group"}),
        Said(400, {"__type": "ResourceNotFoundException", "message": "InvalidClientTokenId"}),
        Said(400, {"__type": "ServiceQuotaExceededException", "Code": "ExpiredToken"}),
    ],
    ids=lambda said: said.body["__type"],
)
def test_other_refusals_pass_through_response_selection(fake, running, path, said):
    """Whatever else they say: a client that could have roles assumed by a word would use up the rate of STS."""
    fake.logs = lambda _key: said
    answer = running.get(path, GET)
    assert (answer.status, answer.json()) == (429, {"refused": said.body["__type"]})
    assert (fake.keys, fake.assumed) == (["ASIA1"], 1)


def test_an_upstream_that_never_answers(fake, running, path):
    fake.logs = lambda _key: fake.hang()
    assert_times_out(running, path)


def test_an_sts_that_never_answers(fake, running, path):
    fake.sts_hangs = True
    assert_times_out(running, path)


def test_why_a_role_cannot_be_assumed_is_for_the_operator_alone(fake, running, path):
    """Owners of APIs see the logs of theirs, in which other people's names have no place."""
    fake.sts_refuses = True
    gateway, api = running.client("apigateway"), path.split("/")[1]
    resources = gateway.get_resources(restApiId=api)["items"]
    place = {"restApiId": api, "resourceId": next(each["id"] for each in resources if "resourceMethods" in each)}
    tried = gateway.test_invoke_method(
        **place, httpMethod="GET", pathWithQueryString="/groups/g/streams/s", headers=dict(GET)
    )
    assert (tried["status"], OPERATOR in tried["log"]) == (500, False)
    assert "API Gateway does not have permission to assume the provided role" in tried["log"]
    assert OPERATOR in running.output.read_text()


def assert_times_out(running: RunningServer, path: str) -> None:
    began = time.monotonic()
    answer = running.get(path, GET)
    assert (answer.status, answer.json()) == (504, {"message": "Endpoint request timed out"})
    assert TIMEOUT_MS / 1000 <= time.monotonic() - began < 5
