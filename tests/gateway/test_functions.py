"""Functions behind a stand-in for the Lambda API, called by the real SDK."""

import http.server
import json
import threading
import urllib.parse
from types import SimpleNamespace

import botocore.session
import pytest

from groundwatch.gateway.functions import FunctionUnavailableError, LambdaFunctions, function_of
from groundwatch.gateway.upstream.credentials import OwnCredentials
from groundwatch.outbound import OutboundClient, OutboundRules

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:who"
URI = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{ARN}/invocations"
NONE = OwnCredentials(SimpleNamespace(get_credentials=lambda: None))


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        path = urllib.parse.unquote(self.path)
        status, headers, answer = self.server.answers.get(path, (404, {}, b'{"Message":"no such function"}'))
        self.server.seen.append((path, json.loads(body), self.headers.get("authorization")))
        self.send_response(status)
        for name, value in {"content-length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args):
        pass


@pytest.fixture
def endpoint():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        server.answers, server.seen = {}, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
async def functions(endpoint, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with OutboundClient(OutboundRules(everywhere=True)) as client:
        yield LambdaFunctions(
            f"http://127.0.0.1:{endpoint.server_port}", client, OwnCredentials(botocore.session.Session())
        )


ANSWERS = [
    pytest.param((200, {}, b'{"ok":1}'), (b'{"ok":1}', None), id="a result"),
    pytest.param(
        (200, {"X-Amz-Function-Error": "Unhandled"}, b'{"errorMessage":"Unauthorized"}'),
        (b'{"errorMessage":"Unauthorized"}', "Unhandled"),
        id="a failure of the function is an answer",
    ),
]


@pytest.mark.parametrize(("given", "expected"), ANSWERS)
async def test_invoke(given, expected, endpoint, functions):
    endpoint.answers[f"/2015-03-31/functions/{ARN}/invocations"] = given
    answer = await functions.invoke(ARN, b'{"type":"TOKEN"}')
    assert (answer.payload, answer.error) == expected
    _, event, authorization = endpoint.seen[0]
    assert event == {"type": "TOKEN"}
    assert "/eu-west-1/lambda/aws4_request" in authorization


async def test_an_unknown_function_was_not_run(functions):
    with pytest.raises(FunctionUnavailableError, match="was not run"):
        await functions.invoke(ARN, b"{}")


async def test_without_an_endpoint_nothing_is_run():
    async with OutboundClient(OutboundRules()) as client:
        with pytest.raises(FunctionUnavailableError, match="lambda_url"):
            await LambdaFunctions("off", client, NONE).invoke(ARN, b"{}")


async def test_an_endpoint_of_ones_own_is_called_unsigned_without_credentials(endpoint):
    endpoint.answers[f"/2015-03-31/functions/{ARN}/invocations"] = (202, {}, b"")
    async with OutboundClient(OutboundRules(everywhere=True)) as client:
        functions = LambdaFunctions(f"http://127.0.0.1:{endpoint.server_port}/", client, NONE)
        answer = await functions.invoke(ARN, b"{}", headers={"X-Amz-Invocation-Type": "Event"})
        assert (answer.status, answer.payload) == (202, b"")
        assert endpoint.seen[0][2] is None
        with pytest.raises(FunctionUnavailableError, match="no AWS credentials"):
            await LambdaFunctions("aws", client, NONE).invoke(ARN, b"{}")


URIS = [
    pytest.param(URI, ARN, id="the whole form"),
    pytest.param(URI.replace(":who/", ":who:live/"), f"{ARN}:live", id="with an alias"),
    pytest.param(URI.replace("/invocations", ""), None, id="without its end"),
    pytest.param("arn:aws:apigateway:eu-west-1:logs:action/GetLogEvents", None, id="another service"),
    pytest.param(URI.replace("lambda:eu-west-1", "lambda:evil.example#"), None, id="a host in place of the region"),
    pytest.param(URI.replace(":who/", ":who/../x/"), None, id="a path in the name"),
]


@pytest.mark.parametrize(("uri", "arn"), URIS)
def test_function_of_a_uri(uri, arn):
    assert function_of(uri) == arn
