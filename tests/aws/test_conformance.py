"""AWS's protocol tests, from the server's side: parse what a client sends, serialize what a client must understand."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.models import ServiceDescription
from groundwatch.aws.protocols.choice import CodecChoice, codec_for

CONFORMANCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "aws" / "protocols"
PROTOCOLS = (
    "json",
    "json_1_0",
    "json_1_0-query-compatible",
    "query",
    "rest-json",
    "smithy-rpc-v2-cbor",
    "smithy-rpc-v2-cbor-query-compatible",
    "smithy-rpc-v2-cbor-non-query-compatible",
)
OTHER_STATUS = frozenset({"QueryCompatibleRpcV2CborCustomCodeError", "QueryCompatibleAwsJson10CustomCodeError"})
"""Cases that answer with another status than their own model gives."""
QUERY_MODE = (("x-amzn-query-mode", "true"),)
BINARY = frozenset({"smithy-rpc-v2-cbor"})
"""Protocols of which the cases give bodies in base64."""
pytestmark = pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="AWS's conformance data is not beside this checkout")

COMPRESSED = "the case gives no body, only that the client compresses it; the port undoes Content-Encoding"
ABSENT = "the client leaves an empty list or map out of the request, so nothing can be parsed"
INVENTED = "the client invents the idempotency token, so the request has a member that the parameters lack"
ENDPOINT_PATH = "the path belongs to the client's endpoint, which this server does not have"
NAMED = "the case's map repeats named parameters; ours holds only those that no other member names"
EMPTY_BODY = "the body is an empty structure, which the server reports as given"
INPUT_EXCLUSIONS: dict[str, str] = {
    "SDKAppliedContentEncoding_awsJson1_1": COMPRESSED,
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1": COMPRESSED,
    "SDKAppliedContentEncoding_awsJson1_0": COMPRESSED,
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0": COMPRESSED,
    "SDKAppliedContentEncoding_awsQuery": COMPRESSED,
    "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery": COMPRESSED,
    "SDKAppliedContentEncoding_restJson1": COMPRESSED,
    "SDKAppendedGzipAfterProvidedEncoding_restJson1": COMPRESSED,
    "QueryProtocolIdempotencyTokenAutoFill": INVENTED,
    "RestJsonQueryIdempotencyTokenAutoFill": INVENTED,
    "QueryEmptyQueryMaps": ABSENT,
    "RestJsonHttpPrefixHeadersAreNotPresent": ABSENT,
    "RestJsonOmitsEmptyListQueryValues": ABSENT,
    "RestJsonHostWithPath": ENDPOINT_PATH,
    "RestJsonHttpWithEmptyStructurePayload": EMPTY_BODY,
    "RestJsonHttpWithHeadersButNoPayload": EMPTY_BODY,
    "MediaTypeHeaderInputBase64": "the case gives the JSON text, the server hands on its value",
    "RestJsonAllQueryStringTypes": NAMED,
    "RestJsonQueryStringEscaping": NAMED,
    "RestJsonSupportsNaNFloatQueryValues": NAMED,
    "RestJsonSupportsInfinityFloatQueryValues": NAMED,
    "RestJsonSupportsNegativeInfinityFloatQueryValues": NAMED,
    "RestJsonZeroAndFalseQueryValues": NAMED,
    "RestJsonQueryPrecedence": NAMED,
}
OUTPUT_EXCLUSIONS: dict[str, str] = {
    "QueryXmlLists": "botocore reads flattened lists by their element's name, so two lists of the case collide",
    "RestJsonHttpPayloadTraitsWithNoBlobBody": "botocore reports an absent payload as an empty one",
    "RestJsonHttpPayloadWithUnsetUnion": "botocore cannot read an absent union payload",
    "RestJsonInputAndOutputWithQuotedStringHeaders": "botocore splits header lists inside quotes",
    "RestJsonInputAndOutputWithTimestampHeaders": "botocore splits header lists inside dates",
    "HttpPrefixHeadersResponse": "the map takes every header of the answer, and ours always has the request id",
    "MediaTypeHeaderOutputBase64": "botocore decodes the JSON of the header, the case expects its text",
}


def cases(direction: str) -> list[Any]:
    found = []
    for protocol in PROTOCOLS:
        path = CONFORMANCE / direction / f"{protocol}.json"
        for suite in json.loads(path.read_text()) if path.is_file() else []:
            found += [pytest.param(suite, case, id=f"{protocol}-{case['id']}") for case in suite["cases"]]
    return found


def describe(suite: dict[str, Any], case: dict[str, Any]) -> tuple[ServiceDescription, Any]:
    given = case["given"]
    document = {
        "metadata": suite["metadata"],
        "operations": {given["name"]: given},
        "shapes": suite["shapes"],
    }
    return ServiceDescription("conformance", document), ServiceModel(document).operation_model(given["name"])


def normal(shape: Any, value: Any) -> Any:
    """Return a value of the test data in the types of Python: bytes for blobs, datetimes for timestamps."""
    if value is None or shape.metadata.get("document") or getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure":
        given = {k: normal(shape.members[k], v) for k, v in value.items() if k in shape.members}
        return {k: v for k, v in given.items() if v is not None}
    if shape.type_name == "list":
        return [normal(shape.member, v) for v in value]
    if shape.type_name == "map":
        return {k: normal(shape.value, v) for k, v in value.items()}
    return normal_scalar(shape, value)


def normal_scalar(shape: Any, value: Any) -> Any:
    if shape.type_name == "blob" and isinstance(value, str):
        return value.encode()
    if shape.type_name == "timestamp" and isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return float(value) if shape.type_name in {"float", "double"} else value


def comparable(shape: Any, value: Any) -> Any:
    """Return the value in a form where equal means alike: NaN equals itself, empty strings stay."""
    return repr(sorted_maps(normal(shape, value))) if shape is not None else value


def sorted_maps(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sorted_maps(value[key]) for key in sorted(value)}
    return [sorted_maps(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("suite", "case"), cases("input"))
def test_requests_of_clients_are_parsed_into_their_parameters(suite, case):
    if case["id"] in INPUT_EXCLUSIONS:
        pytest.skip(INPUT_EXCLUSIONS[case["id"]])
    service, model = describe(suite, case)
    wire = case["serialized"]
    uri = urlsplit(wire["uri"])
    headers = {k.lower(): str(v) for k, v in wire.get("headers", {}).items()}
    if service.protocol == "json":
        # Some cases leave out what every client sends.
        headers.setdefault("x-amz-target", f"{service.target_prefix}.{case['given']['name']}")
        headers.setdefault("content-type", f"application/x-amz-json-{service.json_version}")
    request = WireRequest(
        method=wire.get("method", "POST"),
        path=uri.path,
        query_string=uri.query,
        headers=tuple(headers.items()),
        body=base64.b64decode(wire["body"]) if service.protocol in BINARY else wire.get("body", "").encode(),
        source_ip="127.0.0.1",
    )
    operation, params = codec_for(service).parse(request)
    assert operation.name == case["given"]["name"]
    assert comparable(model.input_shape, params) == comparable(model.input_shape, case.get("params", {}))


@pytest.mark.parametrize(("suite", "case"), cases("output"))
def test_answers_are_understood_by_clients(suite, case):
    if case["id"] in OUTPUT_EXCLUSIONS:
        pytest.skip(OUTPUT_EXCLUSIONS[case["id"]])
    service, model = describe(suite, case)
    codec = CodecChoice(service).of(WireRequest("POST", "/", "", QUERY_MODE, b"", "127.0.0.1"))
    parser = create_parser(suite["metadata"]["protocol"])
    if "error" in case:
        shape = next(s for s in model.error_shapes if s.name == case["errorCode"] or s.error_code == case["errorCode"])
        members = normal(shape, case["error"])
        response = codec.serialize_error(
            ServiceError(case["errorCode"], case.get("errorMessage"), members=members), "id"
        )
        parsed = parser.parse(as_botocore(response), model.output_shape)
        assert parsed["Error"]["Code"] == case["errorCode"]
        if case["id"] not in OTHER_STATUS:
            assert response.status == case["response"]["status_code"]
        modelled = parser.parse(as_botocore(response), shape)
        got = {k: v for k, v in modelled.items() if k in members and k.lower() != "message"}
        assert got == {k: v for k, v in members.items() if k.lower() != "message"}
        return
    expected = normal(model.output_shape, case["result"]) if model.output_shape else {}
    response = codec.serialize(service.find_operation(case["given"]["name"]), expected, "id")
    parsed = parser.parse(as_botocore(response), model.output_shape)
    parsed.pop("ResponseMetadata")
    assert response.status == case["response"]["status_code"]
    assert comparable(model.output_shape, plain(parsed)) == comparable(model.output_shape, expected)


def as_botocore(response: Any) -> dict[str, Any]:
    return {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}


def plain(value: Any) -> Any:
    if hasattr(value, "read"):
        return value.read()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value
