"""Export tasks against moto's S3, which no one here wrote, and against a bucket that can be made to hang."""

import gzip
import http.server
import threading
import time
from datetime import UTC, datetime
from urllib.parse import unquote

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.live import WAIT_S, wait_for

GROUP = "/app/web"
BUCKET = "archive"


class HangingBucket:
    """Takes objects of any bucket by path; those of streams wait until `go_on` is set."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.go_on = threading.Event()
        self.waiting = threading.Event()
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.endswith(".gz"):
                    bucket.waiting.set()
                    bucket.go_on.wait(WAIT_S)
                bucket.objects[unquote(self.path)] = body
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    # The server was killed while its object waited.
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hanging():
    bucket = HangingBucket()
    yield bucket
    bucket.close()


@pytest.fixture
def start(make_server, monkeypatch):
    """A server whose own credentials for the bucket come from the environment, as an operator would give them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "peer")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "peer")

    def started(*flags: str):
        server = make_server(*flags).start()
        server.client("logs").create_log_group(logGroupName=GROUP)
        return server

    return started


def put(server, stream: str, *messages: str) -> bytes:
    """Put messages, a millisecond apart, and return what the object of the stream must hold."""
    logs = server.client("logs")
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    now_ms = int(time.time() * 1000) - 60_000
    events = [{"timestamp": now_ms + n, "message": message} for n, message in enumerate(messages)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
    return "".join(line(event["timestamp"], event["message"]) for event in events).encode()


def line(timestamp_ms: int, message: str) -> str:
    moment = datetime.fromtimestamp(timestamp_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp_ms % 1000:03d}Z {message}\n"


def create(server, **members) -> str:
    call = {"logGroupName": GROUP, "fromTime": 0, "to": int(time.time() * 1000), "destination": BUCKET, **members}
    return server.client("logs").create_export_task(**call)["taskId"]


def task(server, task_id: str) -> dict:
    (found,) = server.client("logs").describe_export_tasks(taskId=task_id)["exportTasks"]
    return found


def ended(server, task_id: str) -> dict:
    def look():
        found = task(server, task_id)
        return found if found["status"]["code"] in {"COMPLETED", "FAILED", "CANCELLED"} else None

    return wait_for(look, "the end of the export task")


def test_the_aws_cli_exports_a_group_to_a_bucket(start, moto):
    server = start("--s3-url", moto)
    s3 = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="peer", aws_secret_access_key="peer"
    )
    s3.create_bucket(Bucket=BUCKET)
    first = put(server, "2024/01/[$LATEST]a", "plain", '{"a": "é"}', "two\nlines", *map(str, range(2_000)))
    second = put(server, "b", "x" * 200_000)
    server.client("logs").create_log_stream(logGroupName=GROUP, logStreamName="empty")
    to = str(int(time.time() * 1000))
    named = ("--log-group-name", GROUP, "--task-name", "nightly", "--from", "0", "--to", to)
    where = ("--destination", BUCKET, "--destination-prefix", "logs/web")
    task_id = server.aws_json("logs", "create-export-task", *named, *where)["taskId"]

    def completed():
        (found,) = server.aws_json("logs", "describe-export-tasks", "--task-id", task_id)["exportTasks"]
        return found if found["status"]["code"] == "COMPLETED" else None

    found = wait_for(completed, "the export")
    assert found["executionInfo"]["completionTime"] >= found["executionInfo"]["creationTime"]
    assert {name: found[name] for name in found.keys() - {"executionInfo"}} == {
        "taskId": task_id,
        "taskName": "nightly",
        "logGroupName": GROUP,
        "from": 0,
        "to": int(to),
        "destination": BUCKET,
        "destinationPrefix": "logs/web",
        "status": {"code": "COMPLETED", "message": "Completed successfully"},
    }
    objects = {
        entry["Key"]: s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
        for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    }
    assert objects.pop("logs/web/aws-logs-write-test") == b"Permission Check Successful"
    assert {key: gzip.decompress(content) for key, content in objects.items()} == {
        f"logs/web/{task_id}/2024-01-[$LATEST]a/000000.gz": first,
        f"logs/web/{task_id}/b/000000.gz": second,
    }
    refused = server.aws("logs", "cancel-export-task", "--task-id", task_id)
    assert "(InvalidOperationException)" in refused.stderr
    refused = server.aws("logs", "create-export-task", *named, "--destination", "no-such-bucket")
    assert "The given bucket does not exist. Please make sure the bucket is valid." in refused.stderr


def test_a_task_survives_the_death_of_its_server(start, hanging):
    server = start("--s3-url", hanging.url)
    first, second = put(server, "a", "1", "2"), put(server, "b", "3")
    task_id = create(server)
    assert hanging.waiting.wait(WAIT_S)
    assert task(server, task_id)["status"] == {"code": "RUNNING"}
    server.kill()
    hanging.go_on.set()
    server.start()
    assert ended(server, task_id)["status"]["code"] == "COMPLETED"
    prefix = f"/{BUCKET}/exportedlogs/{task_id}"
    assert gzip.decompress(hanging.objects[f"{prefix}/a/000000.gz"]) == first
    assert gzip.decompress(hanging.objects[f"{prefix}/b/000000.gz"]) == second


def test_a_running_task_is_cancelled_and_holds_up_nobody(start, hanging):
    server = start("--s3-url", hanging.url)
    put(server, "a", "1")
    put(server, "b", "2")
    task_id = create(server)
    assert hanging.waiting.wait(WAIT_S)
    logs = server.client("logs")
    with pytest.raises(ClientError, match=r"LimitExceededException.*Resource limit exceeded"):
        create(server)
    assert logs.get_log_events(logGroupName=GROUP, logStreamName="a")["events"][0]["message"] == "1"
    logs.cancel_export_task(taskId=task_id)
    assert task(server, task_id)["status"] == {"code": "PENDING_CANCEL"}
    hanging.go_on.set()
    assert ended(server, task_id)["status"] == {"code": "CANCELLED", "message": "Cancelled by user"}
    assert f"/{BUCKET}/exportedlogs/{task_id}/b/000000.gz" not in hanging.objects


def test_a_server_with_a_hanging_export_stops_and_goes_on_later(start, hanging):
    server = start("--s3-url", hanging.url)
    put(server, "a", "1")
    task_id = create(server)
    assert hanging.waiting.wait(WAIT_S)
    assert server.stop() == 0, server.output.read_text()
    hanging.go_on.set()
    server.start()
    assert ended(server, task_id)["status"]["code"] == "COMPLETED"


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ((), "This server has no S3 endpoint to export to; its operator sets it with --s3-url."),
        (("--s3-url", "http://127.0.0.1:9"), "This server has no credentials to export with"),
    ],
    ids=["no endpoint", "no credentials"],
)
def test_a_server_without_a_way_to_buckets_refuses(make_server, monkeypatch, tmp_path, flags, missing):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    server = make_server(*flags).start()
    server.client("logs").create_log_group(logGroupName=GROUP)
    with pytest.raises(ClientError, match="InvalidParameterException") as caught:
        create(server)
    assert missing in str(caught.value)
    assert server.client("logs").describe_export_tasks()["exportTasks"] == []
