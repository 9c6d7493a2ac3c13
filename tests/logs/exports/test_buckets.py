"""What is made of the answers of a service that speaks S3, and which requests it is sent."""

import http.server
import threading

import pytest

from groundwatch.logs.exports.buckets import BucketError, Buckets, NotSetUpError

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


class Peer:
    """Answers every PUT with `status` and an S3 error called `code`."""

    def __init__(self) -> None:
        self.status, self.code = 200, ""
        self.requests: list[tuple[str, str, bytes]] = []
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                peer.requests.append((self.path, self.headers["Authorization"], body))
                answer = f"<Error><Code>{peer.code}</Code><Message>m</Message></Error>".encode() if peer.code else b""
                self.send_response(peer.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.server.shutdown()
    peer.server.server_close()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def open_buckets():
    opened = []

    def make(url: str) -> Buckets:
        opened.append(Buckets(url))
        return opened[-1]

    yield make
    for buckets in opened:
        buckets.close()


async def refusal(buckets: Buckets, bucket: str = "archive") -> BucketError:
    with pytest.raises(BucketError) as caught:
        await buckets.put("eu-central-1", bucket, "key", b"body")
    return caught.value


async def test_objects_are_put_by_path_and_signed_for_the_region(open_buckets, peer):
    await open_buckets(peer.url).put("eu-central-1", "archive", "a/b c", b"body")
    ((path, authorization, body),) = peer.requests
    assert (path, body) == ("/archive/a/b%20c", b"body")
    assert "AKIAEXAMPLE/" in authorization
    assert "/eu-central-1/s3/aws4_request" in authorization


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (404, "NoSuchBucket", False),
        (403, "AccessDenied", False),
        (400, "KeyTooLongError", False),
        (400, "RequestTimeout", True),
        (503, "SlowDown", True),
        (500, "InternalError", True),
        (502, "", True),
    ],
)
async def test_refusals_are_told_apart(open_buckets, peer, status, code, retryable):
    peer.status, peer.code = status, code
    error = await refusal(open_buckets(peer.url))
    assert error.retryable is retryable
    assert str(error) == f"The bucket refused an object: {error.code or status}."
    assert code in error.code
    assert len(peer.requests) == 1


async def test_a_service_that_does_not_answer_may_answer_later(open_buckets):
    error = await refusal(open_buckets("http://127.0.0.1:9"))
    assert error.retryable
    assert str(error) == "The bucket's service does not answer."


@pytest.mark.parametrize(
    "bucket",
    ["a", "a/b", "../x", "arn:aws:s3:us-east-1:123456789012:accesspoint/x", "x" * 256, "bücket", "a b c"],
)
async def test_only_names_of_buckets_are_taken(open_buckets, peer, bucket):
    assert (await refusal(open_buckets(peer.url), bucket)).code == "InvalidBucketName"
    assert peer.requests == []


async def test_without_an_endpoint_nothing_is_sent(open_buckets):
    error = await refusal(open_buckets("off"))
    assert isinstance(error, NotSetUpError)
    assert "--s3-url" in str(error)


async def test_without_credentials_nothing_is_sent(open_buckets, peer, monkeypatch, tmp_path):
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    assert isinstance(await refusal(open_buckets(peer.url)), NotSetUpError)
    assert peer.requests == []


async def test_a_region_that_cannot_be_is_no_fault_of_the_server(open_buckets, peer):
    with pytest.raises(BucketError, match="no buckets in the region 'a b'") as refused:
        await open_buckets(peer.url).put("a b", "archive", "key", b"body")
    assert (refused.value.retryable, peer.requests) == (False, [])
