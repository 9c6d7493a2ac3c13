"""Any definition that a document can make comes back from its own export, in both versions and both forms."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.control.definitions import named

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.gateway.control.rest_apis import new_api
from groundwatch.gateway.openapi.document import load_document
from groundwatch.gateway.openapi.export import Export, wanted_of
from groundwatch.gateway.openapi.export_dialects import WRITERS
from groundwatch.gateway.openapi.findings import Findings
from groundwatch.gateway.openapi.merge import Merge
from groundwatch.gateway.openapi.reader import read_draft
from groundwatch.gateway.openapi.text_form import FORMS

ACCOUNT = "111122223333"
CONTEXT = RequestContext(
    ACCOUNT, "us-east-1", "r", Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "Account", ACCOUNT), "", "", True, 0
)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
TYPES = ["application/json", "application/xml", "text/plain"]
MODELS = {"A": {"type": "object"}, "B": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}}

# Texts that one form or reader might take for something else.
texts = st.one_of(
    st.sampled_from(
        ["1e3", "0o7", "on", "~", "null", "12:30", "2024-01-01", "a: b", "# x", "- y", "'", '"', "\\", "=", "<<"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
)
names = st.from_regex(r"[a-zA-Z0-9._-]{1,6}", fullmatch=True)
templates = st.dictionaries(st.sampled_from(TYPES), st.one_of(texts, st.just("")), max_size=2)
contents = st.dictionaries(
    st.sampled_from(TYPES),
    st.sampled_from([{"schema": {"$ref": f"#/components/schemas/{name}"}} for name in MODELS]),
    max_size=3,
)
handling = st.sampled_from([{}, {"contentHandling": "CONVERT_TO_TEXT"}, {"contentHandling": "CONVERT_TO_BINARY"}])


@st.composite
def responses(draw, declared):
    patterns = ["default", "4\\d{2}", "5..", ".*error: 1e3.*"]
    held = {}
    for status in draw(st.lists(st.sampled_from(sorted(declared)), unique=True)) if declared else []:
        held[patterns.pop(0)] = {"statusCode": status, "responseTemplates": draw(templates), **draw(handling)}
    return held


@st.composite
def integrations(draw, declared):
    kind = draw(st.sampled_from(["mock", "http", "http_proxy", "aws"]))
    held = {
        "type": kind,
        "responses": draw(responses(declared)),
        "requestTemplates": draw(templates),
        "passthroughBehavior": draw(st.sampled_from(["never", "when_no_match", "when_no_templates"])),
        "timeoutInMillis": draw(st.integers(50, 29_000)),
        **draw(handling),
    }
    if draw(st.booleans()):
        held["cacheNamespace"] = draw(names)
    if kind != "mock":
        held["httpMethod"] = draw(st.sampled_from(["GET", "POST"]))
    if kind.startswith("http"):
        held |= {"uri": "https://example.com/{x}", "tlsConfig": {"insecureSkipVerification": draw(st.booleans())}}
    if kind == "aws":
        held |= {"uri": "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents", "credentials": ROLE}
    held["requestParameters"] = {
        f"integration.request.header.h{number}": f"'{text}'"
        for number, text in enumerate(draw(st.lists(st.from_regex(r"[^'\n]{0,8}", fullmatch=True), max_size=2)))
    }
    return held


def lowered(parameter):
    # A name stands for one parameter, wherever that is; the prefix keeps it off those of paths.
    return parameter[0].lower()


@st.composite
def operations(draw):
    codes = draw(st.lists(st.sampled_from(["200", "201", "400", "404", "500"]), unique=True, max_size=3))
    operation = {
        "parameters": [
            {"name": f"p-{name}", "in": place, "required": draw(st.booleans())}
            for name, place in draw(
                st.lists(st.tuples(names, st.sampled_from(["query", "header"])), unique_by=lowered, max_size=3)
            )
        ],
        "responses": {
            code: {
                "description": "d",
                "headers": {name: {} for name in draw(st.sets(names, max_size=2))},
                "content": draw(contents),
            }
            for code in codes
        },
        "x-amazon-apigateway-integration": draw(integrations(codes)),
    }
    body = draw(contents)
    if body:
        operation["requestBody"] = {"content": body}
    if draw(st.booleans()):
        operation["operationId"] = draw(texts)
    if draw(st.booleans()):
        operation["x-amazon-apigateway-request-validator"] = draw(st.sampled_from(["all", "body"]))
    security = draw(st.sampled_from([None, ["key"], ["iam"], ["key", "iam"]]))
    return operation if security is None else {**operation, "security": [{name: [] for name in security}]}


verbs = st.sampled_from(["get", "put", "post", "delete", "patch", "head", "options", "x-amazon-apigateway-any-method"])
paths = st.sampled_from(["/", "/a", "/a/{b}", "/a/{b}/c", "/d/{proxy+}", "/leaf/empty"])
documents = st.builds(
    lambda title, description, items, types, size: {
        "openapi": "3.0.1",
        "info": {"title": title, "version": "1e3", "description": description},
        "paths": items,
        "x-amazon-apigateway-binary-media-types": types,
        "x-amazon-apigateway-minimum-compression-size": size,
        "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True}, "body": {}},
        "components": {
            "schemas": MODELS,
            "securitySchemes": {
                "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
                "iam": {"type": "apiKey", "name": "A", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
            },
        },
    },
    texts.filter(str.strip),
    texts,
    st.dictionaries(paths, st.dictionaries(verbs, operations(), max_size=2), max_size=3),
    st.lists(st.sampled_from(["image/png", "*/*"]), unique=True),
    st.integers(0, 100),
)


class Ids:
    def __init__(self):
        self._numbers = itertools.count(1)

    def identifier(self, length):
        return f"{next(self._numbers):0{length}d}"

    def key_value(self):
        raise AssertionError("no keys here")


IDS = Ids()


def imported(body):
    api = new_api(CONTEXT, IDS, "", 0)
    findings = Findings()
    draft = read_draft(load_document(body, CONTEXT), api.id, findings)
    merged = Merge(draft, findings, IDS, "ignore", lambda _: None).into(api, "overwrite")
    findings.raise_errors(fail_on_warnings=True)
    return merged


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("kind", sorted(WRITERS))
@settings(max_examples=60, deadline=None)
@given(document=documents)
def test_a_definition_comes_back_from_its_export(kind, form, document):
    first = imported(json.dumps(document).encode())
    exported = Export(first, "prod", WRITERS[kind], wanted_of(["apigateway"]), None).document()
    assert named(imported(FORMS[form][1](exported))) == named(first)
