"""A full disk: writes are refused, reads go on, and writes resume by themselves when there is room."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

GROUP, STREAM = "/disk", "s"
DISK_BYTES = 192 * 1024 * 1024
BATCH = [{"message": os.urandom(600).hex()} for _ in range(400)]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of a few megabytes; only root can mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no test mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def put(logs) -> None:
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, **event} for event in BATCH]
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1024 * 1024))
                file.flush()
        except OSError:
            return filler


def test_writes_are_refused_and_resume(make_server, small_disk):
    server = make_server(data=small_disk / "data").start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
    put(logs)
    filler = fill(small_disk)
    with pytest.raises(ClientError) as caught:
        for _ in range(20):
            put(logs)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailableException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    place = {"logGroupName": GROUP, "logStreamName": STREAM}
    assert len(logs.get_log_events(**place)["events"]) >= len(BATCH)
    assert logs.filter_log_events(logGroupName=GROUP, limit=5)["events"]
    filler.unlink()
    put(logs)
    stored = len(logs.get_log_events(**place)["events"])
    assert stored >= 2 * len(BATCH)
    assert server.stop() == 0
    server.start()
    assert len(logs.get_log_events(**place)["events"]) == stored
    server.stop()
