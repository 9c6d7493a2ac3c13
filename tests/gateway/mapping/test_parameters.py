"""Mapping expressions over bodies: what many of them may cost together."""

from __future__ import annotations

import json

import pytest

from groundwatch.gateway.mapping import parameters
from groundwatch.gateway.mapping.errors import PayloadError, TemplateLimitError
from groundwatch.gateway.mapping.parameters import BodyDocument, Message, compile_request_parameters


def message(body: str) -> Message:
    return Message(
        path={},
        querystring={},
        header={},
        context=dict,
        stage_variables={},
        document=BodyDocument(body),
        response_header={},
    )


def sources(count: int, expression: str):
    entries = {f"integration.request.header.h{number}": expression for number in range(count)}
    return [parameter.source for parameter in compile_request_parameters(entries)]


def test_a_body_is_parsed_once_for_all_expressions(monkeypatch):
    parsed = []
    parse = parameters.parse_payload
    monkeypatch.setattr(parameters, "parse_payload", lambda text: parsed.append(text) or parse(text))
    given = message('{"a": "x"}')

    assert [source(given) for source in sources(50, "method.request.body.a")] == [["x"]] * 50
    assert len(parsed) == 1


def test_expressions_over_one_body_share_a_budget():
    given = message(json.dumps(list(range(5000))))

    with pytest.raises(TemplateLimitError):
        for source in sources(100, "method.request.body..x"):
            source(given)


def test_a_body_that_is_no_json():
    (source,) = sources(1, "method.request.body.a")

    with pytest.raises(PayloadError):
        source(message("{"))
