"""One definition in front of an AWS that no one here wrote: its log groups, its roles, and its death."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from tests.live import SCRIPTS, free_port, moto_answers, wait_for

ACCOUNT = "123456789012"
DEFINITION = Path(__file__).parents[2] / "examples" / "get-log-events.yaml"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
GET = {"X-Operation": "Logs_20140328.GetLogEvents"}


@pytest.fixture
def own_keys(monkeypatch):
    """Give the servers of a test credentials of their own for the upstream."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUPSTREAM")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "upstream-secret")


def at_moto(service, url):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIAUPSTREAM",
        aws_secret_access_key="upstream-secret",
    )


def fill(logs, group, message):
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": message}],
    )


def deploy(running, statements=()):
    """Run the definition as it is, with its account filled in, and return the path of its stage."""
    iam, gateway = running.client("iam"), running.client("apigateway")
    iam.create_role(RoleName="logs-reader", AssumeRolePolicyDocument=json.dumps(TRUST))
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName="logs-reader", PolicyName="read", PolicyDocument=document)
    text = DEFINITION.read_text().replace("${AWS::Region}", "us-east-1").replace("${AWS::AccountId}", ACCOUNT)
    api = gateway.import_rest_api(body=text.encode())["id"]
    gateway.create_deployment(restApiId=api, stageName="v1")
    return f"/{api}/v1/groups"


def messages(answer):
    assert answer.status == 200, answer.body
    return [event["message"] for event in answer.json()["events"]]


def test_events_of_the_upstream(make_server, moto, own_keys):
    fill(at_moto("logs", moto), "/theirs/a", "from upstream")
    running = make_server("--account", ACCOUNT, "--upstream", moto).start()
    path = deploy(running)
    assert messages(running.get(f"{path}/%2Ftheirs%2Fa/streams/s", GET)) == ["from upstream"]
    missing = running.get(f"{path}/%2Fnone/streams/s", GET)
    # Errors of the service pass through response selection, which this definition leaves at its default.
    assert (missing.status, missing.json()["__type"]) == (200, "ResourceNotFoundException")


def test_some_groups_here_and_others_there(make_server, moto, own_keys):
    fill(at_moto("logs", moto), "/theirs/b", "from upstream")
    running = make_server("--account", ACCOUNT, "--upstream", moto, "--upstream-groups", "/theirs/").start()
    fill(running.client("logs"), "/ours/b", "from here")
    path = deploy(running, [{"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": "*"}])
    assert messages(running.get(f"{path}/%2Ftheirs%2Fb/streams/s", GET)) == ["from upstream"]
    assert messages(running.get(f"{path}/%2Fours%2Fb/streams/s", GET)) == ["from here"]


def test_with_own_credentials_the_role_here_decides(make_server, moto, own_keys):
    fill(at_moto("logs", moto), "/theirs/open", "from upstream")
    fill(at_moto("logs", moto), "/theirs/closed", "secret")
    running = make_server("--account", ACCOUNT, "--upstream", moto, "--upstream-credentials", "own").start()
    resource = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/theirs/open:*"
    path = deploy(running, [{"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": resource}])
    assert messages(running.get(f"{path}/%2Ftheirs%2Fopen/streams/s", GET)) == ["from upstream"]
    refused = running.get(f"{path}/%2Ftheirs%2Fclosed/streams/s", GET)
    assert refused.json()["__type"] == "AccessDeniedException"
    assert b"secret" not in refused.body


def test_callers_do_not_get_the_process_s_own_credentials(make_server, moto, own_keys):
    """They would be judged by policies of their account, on groups of that account, and read those of this process."""
    fill(at_moto("logs", moto), "/theirs/own", "secret")
    running = make_server("--account", ACCOUNT, "--upstream", moto, "--upstream-credentials", "own").start()
    gateway = running.client("apigateway")
    text = DEFINITION.read_text().replace("${AWS::Region}", "us-east-1")
    text = text.replace("${AWS::AccountId}:role/logs-reader", "*:user/*")
    signed = "{ type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4 }"
    text += f"components: {{ securitySchemes: {{ signed: {signed} }} }}\nsecurity: [ {{ signed: [] }} ]\n"
    api = gateway.import_rest_api(body=text.encode())["id"]
    gateway.create_deployment(restApiId=api, stageName="v1")
    answer = signed_get(running, f"/{api}/v1/groups/%2Ftheirs%2Fown/streams/s")
    assert (answer.status, answer.json()) == (500, {"message": "Internal server error"})


def signed_get(running, path):
    held = running.credentials
    request = AWSRequest("GET", running.gateway_url + path, headers={"X-Operation": GET["X-Operation"]})
    credentials = Credentials(held.access_key_id, held.secret_access_key)
    SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(request)
    return running.get(path, dict(request.headers))


def test_a_role_of_another_account_cannot_be_named(make_server, moto, own_keys):
    running = make_server("--upstream", moto).start()
    with pytest.raises(ClientError, match="iam:PassRole"):
        deploy(running)


def test_an_upstream_that_dies_and_comes_back(make_server, own_keys):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    running = make_server("--account", ACCOUNT, "--upstream", url).start()
    path = deploy(running) + "/g/streams/s"
    assert running.get(path, GET).status == 500, "nobody gives credentials"
    with start_moto(port) as first:
        wait_for(lambda: moto_answers(url), "moto_server")
        fill(at_moto("logs", url), "g", "alive")
        assert messages(running.get(path, GET)) == ["alive"]
        answers = []
        readers = [threading.Thread(target=read_until_it_fails, args=(running, path, answers)) for _ in range(4)]
        for reader in readers:
            reader.start()
        wait_for(lambda: len(answers) > 20, "reads under way")
        first.kill()
        for reader in readers:
            reader.join()
    failures = {(answer.status, answer.body) for answer in answers if answer.status != 200}
    assert failures == {(504, b'{"message": "Network error communicating with endpoint"}')}
    with start_moto(port) as second:
        wait_for(lambda: moto_answers(url), "moto_server")
        fill(at_moto("logs", url), "g", "back")
        assert messages(running.get(path, GET)) == ["back"]
        second.kill()


def start_moto(port):
    command = [str(SCRIPTS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read_until_it_fails(running, path, answers):
    while True:
        answers.append(running.get(path, GET))
        if answers[-1].status != 200:
            return
