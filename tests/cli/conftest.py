"""A log service of the tests' own: real HTTP on a free port, answers given by the test."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from groundwatch.credentials_file import AdminCredentials, credentials_path, write_credentials


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """Answered as an error of the service."""

    def __init__(self, code, message, status=400):
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class LogService:
    """Keeps every call; answers with the handler of the operation, `{}` where there is none."""

    def __init__(self):
        self.calls = []
        self.authorizations = []
        self.handlers = {}
        self.lock = threading.Lock()

    def answer(self, operation, request, authorization):
        with self.lock:
            self.calls.append((operation, request))
            self.authorizations.append(authorization)
        handler = self.handlers.get(operation, lambda _: {})
        return handler(request)

    def requests(self, operation):
        return [request for name, request in self.calls if name == operation]


class Handler(BaseHTTPRequestHandler):
    """JSON 1.1 on the wire."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        operation = self.headers["x-amz-target"].split(".")[1]
        try:
            status, answer = 200, self.server.service.answer(operation, request, self.headers["authorization"])
        except Refusal as refusal:
            status, answer = refusal.status, {"__type": refusal.code, "message": refusal.message}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(tmp_path, monkeypatch):
    """No test sees the credentials, the profiles or the data directory of whoever runs it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE",
                 "AWS_DEFAULT_REGION", "AWS_REGION", "GROUNDWATCH_DATA", "FORCE_COLOR"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.service = LogService()
    server.service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.service
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def known_service(service, tmp_path):
    """The service, with its credentials file in ./data."""
    (tmp_path / "data").mkdir()
    write_credentials(
        credentials_path(tmp_path / "data"), AdminCredentials("AKIDTEST", "secret%key", service.url, "eu-test-1")
    )
    return service


@pytest.fixture
def refuse():
    """Return a function that makes a handler refuse."""

    def make(code, message="no", status=400, times=None):
        left = [times]

        def handler(_request):
            if left[0] == 0:
                return {}
            if left[0] is not None:
                left[0] -= 1
            raise Refusal(code, message, status)

        return handler

    return make
