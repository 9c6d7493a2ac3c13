"""`kill -9` at any moment loses no acknowledged event, and the server starts again by itself on the same data."""

import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

WRITERS = 4
GROUP = "/durable"


class Writer(threading.Thread):
    """Puts batches until the server dies, and remembers what was acknowledged."""

    def __init__(self, server, number: int, round_number: int) -> None:
        super().__init__(daemon=True)
        self.logs = server.client("logs")
        self.stream = f"writer-{number}"
        self.prefix = f"{round_number}/{number}"
        self.acknowledged: list[str] = []

    def run(self) -> None:
        sent = 0
        while True:
            messages = [f"{self.prefix}/{sent + n}" for n in range(random.randint(1, 40))]
            sent += len(messages)
            now_ms = int(time.time() * 1000)
            try:
                self.logs.put_log_events(
                    logGroupName=GROUP,
                    logStreamName=self.stream,
                    logEvents=[{"timestamp": now_ms, "message": message} for message in messages],
                )
            except (BotoCoreError, ClientError):
                return
            self.acknowledged += messages


def stored_messages(logs, stream: str) -> list[str]:
    messages: list[str] = []
    token = None
    while True:
        more = {"nextToken": token} if token else {"startFromHead": True}
        page = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, **more)
        messages += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token:
            return messages
        token = page["nextForwardToken"]


def check_rounds(server, rounds: int) -> None:
    server.start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    acknowledged: dict[str, list[str]] = {}
    for number in range(WRITERS):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=f"writer-{number}")
        acknowledged[f"writer-{number}"] = []
    for round_number in range(rounds):
        writers = [Writer(server, number, round_number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        while not all(writer.acknowledged for writer in writers):
            time.sleep(0.01)
        time.sleep(random.uniform(0.2, 1.0))
        server.kill()
        for writer in writers:
            writer.join(30)
            acknowledged[writer.stream] += writer.acknowledged
        server.start()
        for stream, expected in acknowledged.items():
            stored = stored_messages(logs, stream)
            assert len(stored) == len(set(stored)), f"{stream} holds events twice"
            assert set(expected) <= set(stored), f"{stream} lost {sorted(set(expected) - set(stored))[:5]}"
    assert server.stop() == 0


def test_kill_loses_no_acknowledged_event(make_server):
    check_rounds(make_server(), rounds=2)


@pytest.mark.soak
def test_kill_again_and_again_loses_no_acknowledged_event(make_server):
    check_rounds(make_server(), rounds=25)


def test_sigterm_finishes_what_was_accepted(make_server):
    server = make_server().start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    for number in range(WRITERS):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=f"writer-{number}")
    writers = [Writer(server, number, 0) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    while not all(writer.acknowledged for writer in writers):
        time.sleep(0.01)
    assert server.stop() == 0, server.output.read_text()
    for writer in writers:
        writer.join(30)
    server.start()
    for writer in writers:
        assert set(writer.acknowledged) <= set(stored_messages(logs, writer.stream))
