"""What agents and log drivers say to CloudWatch Logs, request by request, and what they rely on in the replies.

The conversations are data (`conversations/*.toml`). Each runs on one connection, in the wording of its client.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import pytest
from tests.clients.place import Place, now_ms
from tests.clients.wire import Connection, Keys, Reply, Shape

CONVERSATIONS = Path(__file__).parent / "conversations"
MONTH_MS = 30 * 86_400_000
MAX_ERROR_TOKENS = 50
"""Fluent Bit's JSON tokenizer reads so many tokens of an error, and gives up on longer ones."""


def conversations():
    for file in sorted(CONVERSATIONS.glob("*.toml")):
        client = tomllib.loads(file.read_text())
        for conversation in client.pop("conversation"):
            yield pytest.param(client, conversation, id=f"{file.stem}-{conversation['name']}")


@pytest.mark.parametrize(("client", "conversation"), list(conversations()))
def test_conversation(client, conversation, place: Place, keys: Keys):
    if conversation.get("existing"):
        place.make()
    for number in range(conversation.get("neighbours", 0)):
        place.client.create_log_stream(logGroupName=place.group, logStreamName=f"{place.stream}-{number:03}")
    speaker = replace(keys, access_key_id=conversation.get("access_key_id", keys.access_key_id))
    connection = Connection("127.0.0.1", place.server.service_port, speaker)
    try:
        talk(connection, shape(client, conversation), conversation["exchange"], place)
    finally:
        connection.close()
    assert place.messages() == conversation["stored"]


def shape(client: Mapping[str, Any], conversation: Mapping[str, Any]) -> Shape:
    replaced = conversation.get("replace_headers", {})
    headers = [(name, replaced.get(name, value)) for name, value in client["headers"]]
    headers += [(name, value) for name, value in conversation.get("add_headers", [])]
    return Shape(headers, [*client["signed"], *conversation.get("add_signed", [])])


def talk(connection: Connection, wording: Shape, exchanges: list[dict[str, Any]], place: Place) -> None:
    now = now_ms()
    values = {"group": place.group, "stream": place.stream, "now": str(now), "month_ago": str(now - MONTH_MS)}
    for exchange in exchanges:
        body = Template(exchange["body"]).substitute(values)
        reply = connection.send(wording, exchange["operation"], body.encode())
        check(reply, exchange, values)
        for name, path in exchange.get("remember", {}).items():
            values[name] = str(member(reply.json(), path))


def check(reply: Reply, exchange: Mapping[str, Any], values: Mapping[str, str]) -> None:
    said = f"{exchange['operation']}: {reply.status} {reply.body[:500]!r}"
    assert reply.status == exchange["status"], said
    assert reply.headers.get("x-amzn-requestid"), said
    assert reply.headers["content-type"] == "application/x-amz-json-1.1", said
    if "error" in exchange:
        check_error(reply, exchange["error"])
    document = reply.json()
    for path in exchange.get("present", []):
        assert member(document, path) not in (None, ""), f"{path} in {said}"
    for path in exchange.get("absent", []):
        assert member(document, path) is None, f"{path} in {said}"
    for path, expected in exchange.get("equal", {}).items():
        assert str(member(document, path)) == Template(expected).substitute(values), f"{path} in {said}"


def check_error(reply: Reply, code: str) -> None:
    """The code stands alone in `__type`, in a body that the simplest reader understands."""
    document = reply.json()
    assert document["__type"] == code, reply.body
    assert reply.headers["x-amzn-errortype"] == code
    assert all(isinstance(value, str) for value in document.values()), reply.body
    assert len(re.findall(rb'"[^"]*"', reply.body)) < MAX_ERROR_TOKENS
    assert document.get("message"), reply.body


def member(document: Any, path: str) -> Any:
    """Return what stands at a path such as `logGroups.0.arn` or `logGroups.length`, None where it leads nowhere."""
    for step in path.split("."):
        if isinstance(document, list):
            document = len(document) if step == "length" else document[int(step)] if int(step) < len(document) else None
        else:
            document = document.get(step) if document is not None else None
    return document
