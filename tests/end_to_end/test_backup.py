"""Backups of running and stopped servers, what restores refuse, and what the doctor says of a spoilt store."""

import json
import shutil
import time

import pytest
from botocore.exceptions import ClientError
from tests.ledger import Ledger
from tests.live import run_command, wait_for

from groundwatch.service_models import SEARCH_PATH

GROUP, STREAM = "/spoilt", "s"


def put(logs, messages: list[str]) -> None:
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms + n, "message": message} for n, message in enumerate(messages)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)


def fill(server, ledger: Ledger, batches: int) -> None:
    logs = server.client("logs")
    for _ in range(batches):
        for stream in ledger.streams.values():
            batch = stream.next_batch()
            logs.put_log_events(logGroupName="/ledger", logStreamName=stream.name, logEvents=batch)
            stream.acknowledge(len(batch))


def operator_client(server, key=None):
    """Return a client of the server's own service, under the administrator's key or another one."""
    import boto3

    session = boto3.Session()
    session._session.get_component("data_loader").search_paths.append(str(SEARCH_PATH))
    own = server.credentials
    return session.client(
        "groundwatch",
        endpoint_url=server.service_url,
        region_name=own.region,
        aws_access_key_id=key["AccessKeyId"] if key else own.access_key_id,
        aws_secret_access_key=key["SecretAccessKey"] if key else own.secret_access_key,
    )


def doctor(server, code: int) -> list[dict]:
    done = run_command("doctor", "--data", str(server.data), "--format", "json", code=code)
    return [finding for finding in json.loads(done.stdout) if finding["state"] != "ok"]


def test_backup_restore_and_back_again(make_server, tmp_path):
    backups = tmp_path / "backups"
    server, ledger = make_server("--backup-directory", str(backups)).start(), Ledger(3)
    ledger.create(server.client("logs"))
    fill(server, ledger, 5)
    held = ledger.held()
    done = run_command("backup", "first", "--data", str(server.data))
    assert done.stdout.startswith(f"{backups}/first: ")
    fill(server, ledger, 2)
    assert doctor(server, code=0) == []
    key = server.credentials.access_key_id
    assert server.stop() == 0

    modes = {path.stat().st_mode & 0o777 for path in (backups / "first").rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert backups.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in backups.iterdir()) == ["first"]
    assert not [path for path in (server.data / "events").glob("shadow/*") if path.is_dir()]

    restored = make_server()
    run_command("restore", str(backups / "first"), "--data", str(restored.data))
    restored.start()
    ledger.check(restored.client("logs"), held)
    # The same identities, authority and APIs.
    assert restored.credentials.access_key_id == key
    assert (restored.data / "tls/ca.pem").read_bytes() == (server.data / "tls/ca.pem").read_bytes()
    names = [api["name"] for api in restored.client("apigateway").get_rest_apis()["items"]]
    assert names
    fill(restored, ledger, 1)
    assert restored.stop() == 0

    offline = tmp_path / "offline"
    run_command("backup", "--offline", str(offline), "--data", str(server.data))
    assert (
        "exists already" in run_command("backup", "--offline", str(offline), "--data", str(server.data), code=1).stderr
    )
    assert "is not empty" in run_command("restore", str(offline), "--data", str(restored.data), code=1).stderr


@pytest.fixture(scope="module")
def small_backup(tmp_path_factory):
    """A backup of a stopped server that holds nothing but what the first start makes."""
    from tests.live import RunningServer

    server = RunningServer(tmp_path_factory.mktemp("small") / "data").start()
    assert server.stop() == 0
    backup = server.data.with_name("backup")
    run_command("backup", "--offline", str(backup), "--data", str(server.data))
    return backup


def flip(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        pytest.param(lambda b: flip(b / "files/metadata.db"), "metadata.db was changed after", id="metadata changed"),
        pytest.param(lambda b: (b / "files/admin-credentials").unlink(), "lacks the file", id="a file is missing"),
        pytest.param(
            lambda b: flip(next(b.glob("events/events/*/count.txt"))), "was changed after", id="events changed"
        ),
        pytest.param(lambda b: flip(b / "manifest.json"), "manifest.json was changed", id="manifest changed"),
        pytest.param(lambda b: (b / "manifest.json.sha256").unlink(), "not a complete backup", id="no checksum"),
    ],
)
def test_a_changed_backup_is_refused(small_backup, tmp_path, spoil, complaint):
    backup, data = tmp_path / "backup", tmp_path / "data"
    shutil.copytree(small_backup, backup)
    spoil(backup)
    assert complaint in run_command("restore", str(backup), "--data", str(data), code=1).stderr
    if "manifest" not in complaint and "complete" not in complaint:
        refusal = run_command("serve", "--data", str(data), code=1).stderr
        assert "a restore was cut short; empty it and restore again" in refusal


def test_who_may_and_where(make_server, tmp_path):
    server = make_server().start()
    refused = run_command("backup", "x", "--data", str(server.data), code=1).stderr
    assert "it was started without --backup-directory" in refused
    assert "no name of a backup" in run_command("backup", "../x", "--data", str(server.data), code=2).stderr
    assert (
        "is in use by another server"
        in run_command("backup", "--offline", str(tmp_path / "b"), "--data", str(server.data), code=1).stderr
    )
    iam = server.client("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    for ask in (
        lambda api: api.start_backup(name="x"),
        lambda api: api.examine(),
        lambda api: api.describe_backup(name="x"),
    ):
        with pytest.raises(ClientError) as caught:
            ask(operator_client(server, key))
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    tenant = run_command("account", "create", "tenant", "--data", str(server.data)).stdout
    words = tenant.split()
    other = {"AccessKeyId": words[words.index("id") + 1], "SecretAccessKey": words[words.index("secret") + 3]}
    with pytest.raises(ClientError) as caught:
        operator_client(server, other).examine()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        operator_client(server).describe_backup(name="x")
    with pytest.raises(ClientError, match="not one that Examine gave"):
        operator_client(server).examine(nextToken="x")
    assert server.stop() == 0


def test_a_spoilt_part(make_server):
    server = make_server().start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    put(logs, [f"lost {n}" for n in range(1000)])
    assert server.stop() == 0
    before = set(server.data.glob("events/store/*/*/*/data.bin"))
    part = max(before, key=lambda path: path.stat().st_size)
    flip(part)
    server.start()
    put(logs, ["kept"])
    assert any(part.parent.name in finding["check"] for finding in doctor(server, code=1)), "before anyone has read it"

    page = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)
    assert [event["message"] for event in page["events"]] == ["kept"]
    found = logs.filter_log_events(logGroupName=GROUP, filterPattern="kept")["events"]
    assert [event["message"] for event in found] == ["kept"]
    assert f"part {part.parent.name} of table events in the event store is broken" in server.output.read_text()
    (finding,) = doctor(server, code=1)
    assert finding["check"] == f"part {part.parent.name} of events"
    assert "1000 rows are lost" in finding["text"]
    assert "dmesg" in finding["advice"]
    assert server.stop() == 0
    assert doctor(server, code=1) == [finding]
    shown = run_command("doctor", "--data", str(server.data), code=1).stdout
    assert "failing" in shown
    assert "→ look for faults of the disk" in shown


def test_a_damaged_metadata_database(make_server):
    server = make_server().start()
    wait_for(server.healthy, "the server")
    assert server.stop() == 0
    path = server.data / "metadata.db"
    content = bytearray(path.read_bytes())
    content[8192:40960] = bytes(40960 - 8192)
    path.write_bytes(content)
    found = [finding for finding in doctor(server, code=1) if finding["check"] == "metadata"]
    assert found
    assert "restore the last backup" in found[0]["advice"]
