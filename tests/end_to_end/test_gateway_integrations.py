"""Web servers and functions behind a running gateway, defined with boto3."""

from __future__ import annotations

import gzip
import http.client
import http.server
import json
import ssl
import threading

import pytest

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello"
INVOKE = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
NOTE = {"type": "object", "required": ["NoteId"], "properties": {"NoteId": {"type": "string", "pattern": "^(a+)+$"}}}
WAIT_S = 20


class Backend(http.server.BaseHTTPRequestHandler):
    """A web server, and the Lambda API on the same port."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.do_GET()

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.path.startswith("/2015-03-31/functions/"):
            result = {"statusCode": 201, "headers": {"X-Own": "1"}, "body": json.loads(body)["path"]}
            self.reply(200, {}, json.dumps(result).encode())
        elif self.path.startswith("/redirect"):
            self.reply(302, {"Location": "/secret"}, b"")
        elif self.path.startswith("/slow"):
            self.server.waiting.set()
            # Nothing comes until the other side closes.
            if self.connection.recv(1) == b"":
                self.server.left.set()
            self.close_connection = True
        else:
            self.reply(200, {"Content-Type": "text/plain", "X-Backend": "1"}, b"got " + body)

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def backend():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        server.seen = []
        server.waiting, server.left = threading.Event(), threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Api:
    """An API whose resources are made one by one and then deployed."""

    def __init__(self, running):
        self.running = running
        self.gateway = running.client("apigateway")
        self.id = self.gateway.create_rest_api(name="integrations", minimumCompressionSize=50)["id"]
        self.root = self.gateway.get_resources(restApiId=self.id)["items"][0]["id"]

    def add(self, part, verb="ANY", *, models=None, **integration):
        resource = self.gateway.create_resource(restApiId=self.id, parentId=self.root, pathPart=part)["id"]
        method = {"restApiId": self.id, "resourceId": resource, "httpMethod": verb}
        validator = {}
        if models:
            made = self.gateway.create_request_validator(restApiId=self.id, name="v", validateRequestBody=True)
            validator = {"requestValidatorId": made["id"], "requestModels": models}
        path = {"method.request.path.proxy": True} if part == "{proxy+}" else {}
        self.gateway.put_method(**method, authorizationType="NONE", requestParameters=path, **validator)
        self.gateway.put_integration(**method, **integration)
        self.gateway.put_method_response(**method, statusCode="200")
        if not integration["type"].endswith("_PROXY"):
            self.gateway.put_integration_response(**method, statusCode="200")

    def deploy(self):
        self.gateway.create_deployment(restApiId=self.id, stageName="prod")

    def connection(self):
        trust = ssl.create_default_context(cafile=self.running.data / "tls" / "ca.pem")
        return http.client.HTTPSConnection("127.0.0.1", self.running.gateway_port, timeout=30, context=trust)

    def call(self, verb, path, body=None, **headers):
        connection = self.connection()
        connection.request(verb, f"/{self.id}/prod{path}", body, headers)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
        connection.close()
        return found


@pytest.fixture
def api(backend, make_server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    running = make_server("--outbound-allow", "127.0.0.1", "--lambda-url", backend.url).start()
    yield Api(running)
    assert running.stop() == 0, running.output.read_text()


def test_web_servers_and_functions_answer_through_the_gateway(api, backend):
    api.add("plain", type="HTTP", integrationHttpMethod="POST", uri=f"{backend.url}/plain")
    mapping = {"integration.request.path.proxy": "method.request.path.proxy"}
    web = {"type": "HTTP_PROXY", "integrationHttpMethod": "ANY", "requestParameters": mapping}
    api.add("{proxy+}", **web, uri=f"{backend.url}/{{proxy}}")
    api.add("function", type="AWS_PROXY", integrationHttpMethod="POST", uri=INVOKE)
    model = api.gateway.create_model(
        restApiId=api.id, name="Note", contentType="application/json", schema=json.dumps(NOTE)
    )
    models = {"application/json": model["name"]}
    api.add("notes", "POST", models=models, type="HTTP", integrationHttpMethod="POST", uri=f"{backend.url}/notes")
    api.deploy()

    status, headers, body = api.call("POST", "/plain", b"body", **{"Content-Type": "text/plain"})
    assert (status, headers["content-type"], body) == (200, "application/json", b"got body")
    status, headers, body = api.call("GET", "/files/a%2Fb?q=1", **{"X-Mine": "1"})
    assert (status, headers["x-backend"], body) == (200, "1", b"got ")
    command, path, sent, _ = backend.seen[-1]
    assert (command, path, sent["X-Mine"]) == ("GET", "/files/a%2Fb?q=1", "1")

    status, headers, body = api.call("GET", "/function")
    assert (status, headers["x-own"], body) == (201, "1", b"/function")
    assert "Credential=AKIDEXAMPLE/" in backend.seen[-1][2]["Authorization"]

    status, _, body = api.call("POST", "/notes", json.dumps({"NoteId": "a" * 30 + "b"}).encode())
    assert (status, body) == (400, b'{"message": "Invalid request body"}')
    note = json.dumps({"NoteId": "a" * 100}).encode()
    status, headers, body = api.call("POST", "/notes", gzip.compress(note), **{
        "Content-Encoding": "gzip", "Accept-Encoding": "gzip",
    })  # fmt: skip
    assert (status, headers["content-encoding"], gzip.decompress(body)) == (200, "gzip", b"got " + note)

    status, headers, _ = api.call("GET", "/redirect")
    assert (status, headers["location"]) == (302, "/secret")
    assert not any(path == "/secret" for _, path, _, _ in backend.seen)

    connection = api.connection()
    connection.request("GET", f"/{api.id}/prod/slow")
    assert backend.waiting.wait(WAIT_S)
    connection.close()
    assert backend.left.wait(WAIT_S)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused_by_default(host, server, backend):
    api = Api(server)
    url = f"http://{host}:{backend.server_port}/private"
    api.add("x", type="HTTP_PROXY", integrationHttpMethod="GET", uri=url)
    api.add("function", type="AWS_PROXY", integrationHttpMethod="POST", uri=INVOKE)
    api.deploy()
    status, _, body = api.call("GET", "/x")
    assert (status, body) in [
        (500, b'{"message": "Internal server error"}'),
        (504, b'{"message": "Network error communicating with endpoint"}'),
    ]
    assert not any(path == "/private" for _, path, _, _ in backend.seen)
    assert api.call("GET", "/function")[0] == 502
    api.gateway.delete_rest_api(restApiId=api.id)
