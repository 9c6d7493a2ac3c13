"""Topics over a real server: AWS CLI and boto3 at one end, an HTTPS endpoint and a killed process at the other."""

import base64
import datetime as dt
import http.server
import json
import threading
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from tests.live import wait_for

from groundwatch.tls import ensure_local_certificate, server_context

OWN = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


class Endpoint:
    """An HTTPS server that remembers what it got; `status` is what it answers."""

    def __init__(self, directory) -> None:
        files = ensure_local_certificate(directory, ("127.0.0.1",), dt.datetime.now(dt.UTC))
        self.authority = directory / "ca.pem"
        self.got: list[tuple[dict[str, str], dict]] = []
        self.status = 200
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.got.append((headers, json.loads(body)))
                self.send_response(endpoint.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_args) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = server_context(files).wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of_type(self, kind: str) -> list[dict]:
        return [document for headers, document in self.got if headers["x-amz-sns-message-type"] == kind]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint(tmp_path, monkeypatch):
    made = Endpoint(tmp_path / "endpoint-tls")
    # The server's process trusts the endpoint as it trusts others: by the certificates of its system.
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    yield made
    made.close()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def subscribe(server, endpoint, topic: str, *more: str) -> None:
    words = ("--topic-arn", topic, "--protocol", "https", "--notification-endpoint", endpoint.url, *more)
    assert server.aws_json("sns", "subscribe", *words) == {"SubscriptionArn": "pending confirmation"}
    (asked,) = wait_for(lambda: endpoint.of_type("SubscriptionConfirmation"), "the confirmation")
    fetch(asked["SubscribeURL"])


def test_with_the_command_line(make_server, endpoint):
    server = make_server("--outbound-allow", "127.0.0.1").start()
    topic = server.aws_json("sns", "create-topic", "--name", "alerts")["TopicArn"]
    subscribe(server, endpoint, topic)
    sent = server.aws_json("sns", "publish", "--topic-arn", topic, "--message", "hello", "--subject", "Hi")
    (got,) = wait_for(lambda: endpoint.of_type("Notification"), "the message")
    assert (got["MessageId"], got["Message"], got["Subject"]) == (sent["MessageId"], "hello", "Hi")
    certificate = x509.load_pem_x509_certificate(fetch(got["SigningCertURL"]))
    text = "".join(f"{key}\n{got[key]}\n" for key in OWN)
    signature = base64.b64decode(got["Signature"])
    certificate.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA1())
    key = server.data / "notifications" / "signing-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    fetch(got["UnsubscribeURL"])
    wait_for(lambda: endpoint.of_type("UnsubscribeConfirmation"), "the farewell")
    assert server.aws_json("sns", "list-subscriptions") == {"Subscriptions": []}
    assert server.stop() == 0


def test_nothing_is_lost_when_the_process_is_killed(make_server, endpoint):
    server = make_server("--outbound-allow", "127.0.0.1").start()
    sns = server.client("sns")
    policy = {"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 100}}}
    topic = sns.create_topic(Name="alerts", Attributes={"DeliveryPolicy": json.dumps(policy)})["TopicArn"]
    subscribe(server, endpoint, topic)
    endpoint.status = 503
    ids = {sns.publish(TopicArn=topic, Message=str(number))["MessageId"] for number in range(20)}
    wait_for(lambda: endpoint.of_type("Notification"), "an attempt")
    server.kill()
    endpoint.got.clear()
    endpoint.status = 200
    server.start()
    wait_for(lambda: ids <= {got["MessageId"] for got in endpoint.of_type("Notification")}, "all messages")
    # Each once: nothing was under way after the restart that had been taken before.
    assert len(endpoint.of_type("Notification")) == 20
    assert server.stop() == 0


def test_dead_letters_are_in_the_tenants_logs(make_server, endpoint):
    server = make_server("--outbound-allow", "127.0.0.1").start()
    sns, logs = server.client("sns"), server.client("logs")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    subscribe(server, endpoint, topic)
    endpoint.status = 403
    sent = sns.publish(TopicArn=topic, Message="unheard", Subject="s")
    group = f"sns/us-east-1/{server.aws_json('sts', 'get-caller-identity')['Account']}/alerts/Failure"

    def letters():
        try:
            return logs.filter_log_events(logGroupName=group)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []

    (event,) = wait_for(letters, "the dead letter")
    letter = json.loads(event["message"])
    assert (letter["notification"]["messageId"], letter["message"]["body"]) == (sent["MessageId"], "unheard")
    assert letter["delivery"]["statusCode"] == 403
    assert server.stop() == 0


def test_users_do_what_policies_say(server):
    iam, admin = server.client("iam"), server.client("sns")
    topic = admin.create_topic(Name="guarded")["TopicArn"]
    iam.create_user(UserName="publisher")
    statement = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="publisher", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="publisher")["AccessKey"]
    sns = boto3.client(
        "sns",
        endpoint_url=server.service_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    assert sns.publish(TopicArn=topic, Message="x")["MessageId"]
    with pytest.raises(ClientError) as denied:
        sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://a.example")
    assert denied.value.response["Error"]["Code"] == "AuthorizationError"
    assert "is not authorized to perform: SNS:Subscribe on resource" in denied.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="SNS:ListTopics"):
        sns.list_topics()


def test_private_addresses_are_not_reached(server):
    sns, logs = server.client("sns"), server.client("logs")
    topic = sns.create_topic(Name="inward")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{server.service_url}/x")
    group = f"sns/us-east-1/{topic.split(':')[4]}/inward/Failure"

    def refused():
        try:
            return logs.filter_log_events(logGroupName=group, filterPattern='"is not public"')["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []

    wait_for(refused, "the refusal")


def test_a_link_without_a_valid_token(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(f"{server.service_url}/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:1:x&Token=t")
    with refused.value as answer:
        assert (answer.code, b"<Message>Invalid parameter: Token</Message>" in answer.read()) == (400, True)
