"""Loading: both syntaxes, pseudo parameters, and documents that are built to hurt."""

from __future__ import annotations

import time
from math import inf

import pytest

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.openapi.document import MAX_DOCUMENT_BYTES, load_document

ACCOUNT = "111122223333"
PRINCIPAL = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "Account", ACCOUNT)
CONTEXT = RequestContext(ACCOUNT, "eu-west-1", "r", PRINCIPAL, "127.0.0.1", "t", True, 0)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="json"),
        pytest.param("a: 1\n", {"a": 1}, id="yaml"),
        pytest.param("\ufeff{}", {}, id="byte-order-mark"),
        pytest.param("{a: 1, # comment\n}", {"a": 1}, id="yaml-in-braces"),
        pytest.param("responses:\n  200: {}\n", {"responses": {"200": {}}}, id="number-keys"),
        pytest.param("version: 2024-01-01\n", {"version": "2024-01-01"}, id="a-date-stays-text"),
        pytest.param("a: 1:30\n", {"a": "1:30"}, id="a-time-stays-text"),
        pytest.param("a: [0, -7, 0x1F, 010, 1_000]\n", {"a": [0, -7, 31, 8, 1000]}, id="integers"),
        pytest.param("a: [1.5, -.5, 1.0e+3, .inf, 1:30.5]\n", {"a": [1.5, -0.5, 1000.0, inf, "1:30.5"]}, id="floats"),
        pytest.param("a: !!str 1\nb: !!seq [1]\n", {"a": "1", "b": [1]}, id="harmless-tags"),
        pytest.param("on: 1\n", {"true": 1}, id="boolean-keys"),
        pytest.param("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}, id="alias"),
        pytest.param(
            '{"a": "arn:${AWS::Partition}:x:${AWS::Region}:${AWS::AccountId}:y"}',
            {"a": "arn:aws:x:eu-west-1:111122223333:y"},
            id="pseudo-parameters",
        ),
    ],
)
def test_what_is_read(text, tree):
    assert load_document(text.encode(), CONTEXT) == tree


def alias_bomb(levels=40):
    lines = ["a0: &a0 [x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(lines)


def merge_bomb(levels=40):
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{level}: &a{level} {{<<: [*a{level - 1}, *a{level - 1}]}}" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="list"),
        pytest.param("{", id="cut-off"),
        pytest.param("a: [", id="cut-off-yaml"),
        pytest.param("\udcff", id="not-utf-8"),
        pytest.param("a: !!python/object:os.system x", id="python-tag"),
        pytest.param('a: !!int ""', id="int-tag"),
        pytest.param("a: !!int 1" + ":59" * 100_000, id="int-tag-to-the-base-of-sixty"),
        pytest.param('a: !!float ""', id="float-tag"),
        pytest.param("a: !!bool x", id="bool-tag"),
        pytest.param("a: !!timestamp x", id="timestamp-tag"),
        pytest.param("a: !Sub x", id="tag-of-a-template"),
        pytest.param("a: 0x" + "f" * 5000, id="long-integer-yaml"),
        pytest.param('{"a": ' + "9" * 4000 + "}", id="long-integer-json"),
        pytest.param("a:\n" + "- b\n" * 1_500_000, id="too-many-values"),
        pytest.param("a: &a [*a]", id="self-reference"),
        pytest.param("a: " + "[" * 5000, id="deep-yaml"),
        pytest.param('{"a":' * 100_000, id="deep-json-cut-off"),
        pytest.param('{"a":' * 500 + "1" + "}" * 500, id="deep-json"),
        pytest.param(alias_bomb(), id="alias-bomb"),
        pytest.param(merge_bomb(), id="merge-bomb"),
        pytest.param("x" * (MAX_DOCUMENT_BYTES + 1), id="too-big"),
    ],
)
def test_what_is_refused_quickly(text):
    started = time.monotonic()
    with pytest.raises(ServiceError) as caught:
        load_document(text.encode(errors="surrogateescape"), CONTEXT)
    assert caught.value.code == "BadRequestException"
    assert caught.value.message.startswith("Invalid OpenAPI input.")
    assert time.monotonic() - started < 5
