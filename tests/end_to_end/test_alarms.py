"""From a log line to an alarm to those who want to hear of it, with a real clock, and with kill -9 in between."""

import datetime as dt
import email
import email.policy
import http.server
import json
import re
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from tests.live import free_port, wait_for

from groundwatch.tls import ensure_local_certificate, server_context

pytestmark = pytest.mark.timeout(400)
ADDRESS = "ops@example.com"
STATE_WAIT_S = 90
"""An alarm with short periods is evaluated every ten seconds; a busy machine gets some more."""


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Confirms its subscription, then remembers notifications."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["Type"] == "SubscriptionConfirmation":
            self.server.confirmations.append(body)
        else:
            self.server.notifications.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def endpoint(tmp_path, monkeypatch):
    files = ensure_local_certificate(tmp_path / "tls", ("127.0.0.1",), dt.datetime.now(dt.UTC))
    # The server trusts what this process's OpenSSL trusts.
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "ca.pem"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.socket = server_context(files).wrap_socket(server.socket, server_side=True)
    server.confirmations, server.notifications = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Mailbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


@pytest.fixture
def mailbox():
    box = Mailbox()
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def running(make_server, endpoint, mailbox):
    return make_server(
        *("--outbound-allow", "127.0.0.1"),
        *("--smtp-url", f"smtp://127.0.0.1:{mailbox.port}"),
    ).start()


def subscribed_topic(running, endpoint, mailbox):
    """Return a topic with the endpoint and the mailbox confirmed."""
    sns = running.client("sns")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint=f"https://127.0.0.1:{endpoint.server_port}/hook")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=ADDRESS)
    confirmation = wait_for(lambda: endpoint.confirmations, "the confirmation at the endpoint")[0]
    mail = wait_for(lambda: mailbox.mails, "the confirmation by mail")[0]
    for token in (confirmation["Token"], re.search(r"Token=(\w+)", mail.get_content())[1]):
        sns.confirm_subscription(TopicArn=topic, Token=token)
    mailbox.mails.clear()
    return topic


def alarm(running, topic, **changes):
    words = {
        "AlarmName": "slow",
        "MetricName": "Latency",
        "Namespace": "App",
        "Statistic": "Average",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 100,
        "ComparisonOperator": "GreaterThanThreshold",
        "OKActions": [topic],
        "AlarmActions": [topic],
        "InsufficientDataActions": [topic],
    }
    running.client("cloudwatch").put_metric_alarm(**words | changes)


def state(running):
    return running.client("cloudwatch").describe_alarms(AlarmNames=["slow"])["MetricAlarms"][0]["StateValue"]


def wait_for_state(running, wanted):
    deadline = time.monotonic() + STATE_WAIT_S
    while (seen := state(running)) != wanted:
        assert time.monotonic() < deadline, f"the alarm is {seen}, not {wanted}"
        time.sleep(0.2)


def transitions(running):
    pages = running.client("cloudwatch").get_paginator("describe_alarm_history")
    found = pages.paginate(AlarmName="slow", HistoryItemType="StateUpdate", ScanBy="TimestampAscending")
    return [
        item["HistorySummary"].removeprefix("Alarm updated from ")
        for page in found
        for item in page["AlarmHistoryItems"]
    ]


def told_states(endpoint):
    return [json.loads(body["Message"])["NewStateValue"] for body in endpoint.notifications]


def mailed_states(mailbox):
    return [mail["Subject"].partition(":")[0] for mail in mailbox.mails]


def put_lines(running, *latencies):
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": json.dumps({"latency": value})} for value in latencies]
    running.client("logs").put_log_events(logGroupName="/app", logStreamName="s", logEvents=events)


def test_from_log_lines_to_those_who_want_to_know(running, endpoint, mailbox):
    topic = subscribed_topic(running, endpoint, mailbox)
    logs = running.client("logs")
    logs.create_log_group(logGroupName="/app")
    logs.create_log_stream(logGroupName="/app", logStreamName="s")
    logs.put_metric_filter(
        logGroupName="/app",
        filterName="latency",
        filterPattern="{ $.latency = * }",
        metricTransformations=[
            {"metricName": "Latency", "metricNamespace": "App", "metricValue": "$.latency"},
        ],
    )
    alarm(running, topic)
    assert state(running) == "INSUFFICIENT_DATA"
    put_lines(running, 10)
    wait_for_state(running, "OK")
    put_lines(running, 5000)
    wait_for_state(running, "ALARM")
    # Within the same minute or in the next one, these bring the average below the threshold.
    put_lines(running, *[1] * 1000)
    wait_for_state(running, "OK")
    expected = ["OK", "ALARM", "OK"]
    wait_for(lambda: len(endpoint.notifications) >= 3 and len(mailbox.mails) >= 3, "three messages")
    assert (told_states(endpoint), mailed_states(mailbox)) == (expected, expected)
    assert transitions(running) == ["INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"]
    notice = endpoint.notifications[1]
    assert notice["Subject"] == 'ALARM: "slow" in US East (N. Virginia)'
    message = json.loads(notice["Message"])
    assert message["NewStateReason"].startswith("Threshold Crossed: 1 datapoint [")
    assert message["Trigger"]["MetricName"] == "Latency"
    assert "OK -> ALARM" in mailbox.mails[1].get_content()
    assert running.stop() == 0


def test_kill_9_loses_neither_state_nor_message(running, endpoint, mailbox):
    topic = subscribed_topic(running, endpoint, mailbox)
    alarm(running, topic)

    def put(value):
        data = {"MetricName": "Latency", "Value": value, "StorageResolution": 1}
        running.client("cloudwatch").put_metric_data(Namespace="App", MetricData=[data])

    put(10)
    wait_for_state(running, "OK")
    # Killed with the datapoint acknowledged, before its evaluation: it is made up for after the start.
    put(5000)
    running.kill()
    running.start()
    wait_for_state(running, "ALARM")
    # Killed with the state changed, before, while or after the message goes out.
    running.kill()
    running.start()
    assert state(running) == "ALARM"

    def told():
        return told_states(endpoint), mailed_states(mailbox)

    wait_for(lambda: all("ALARM" in states for states in told()), "the alarm's messages")
    put(10)
    wait_for_state(running, "OK")
    running.kill()
    running.start()
    wait_for(lambda: all("OK" in states[states.index("ALARM") :] for states in told()), "the last messages")
    assert transitions(running)[:3] == ["INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"]
    seen = [json.loads(body["Message"])["StateChangeTime"] for body in endpoint.notifications]
    # Each change was told at least once; a message that came twice came with its own id.
    assert len(set(seen)) == len({body["MessageId"] for body in endpoint.notifications}) >= 3
