"""Every operation of every served model, through botocore to our parser and from our answers back through botocore."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from groundwatch.aws.http import WireRequest
from groundwatch.aws.models import ServiceDescription, load_service

SERVED = ("logs", "iam", "sts", "apigateway", "cloudwatch")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# Between them they satisfy every pattern of the served models.
TEXTS = (
    "name-<&>é",
    "name",
    "Name1",
    "123456789012",
    "a" * 40,
    "a" * 36,
    "/",
    "/path/",
    "200",
    "1.0",
    "v1",
    "arn:aws:kms:us-east-1:123456789012:key/abc",
    "https://logs.example.com",
    "https://example.com/x",
    "s3://bucket/key",
    "vpce-0abc",
    "o-abcdefghij",
    "o-abcdefghij/r-abcd/",
    "p-abcdefgh",
    "user/name/",
    "ABCDEFGHIJKLMNOPQRST",
    "123456",
    "o-abcdefghij/r-abcd/x",
    "ab:cd" * 9 + "abc",
    "Sum",
    "arn:aws:cloudwatch:us-east-1:123456789012:dataset/default",
    "default",
)


# Unions whose members exclude one another; botocore refuses to send more than one.
ONE_MEMBER_ONLY = {
    name
    for served in SERVED
    for name, shape in Loader().load_service_model(served, "service-2")["shapes"].items()
    if shape.get("union")
}


def codec_names(service: ServiceDescription) -> list[str]:
    if len(service.protocols) == 1:
        return [service.name]
    return [f"{service.name}/{protocol}" for protocol in service.protocols]


def operations(*, answering: bool = False) -> list[Any]:
    """Return every operation, or those whose answers have members and are no event stream."""
    services = [load_service(name) for name in SERVED]
    return [
        pytest.param(name, operation.name, id=f"{name}-{operation.name}")
        for service in services
        for name in codec_names(service)
        for operation in map(service.find_operation, service.operation_names)
        if not answering or (operation.output is not None and not operation.has_event_stream)
    ]


@pytest.fixture(scope="module")
def models() -> dict[str, ServiceModel]:
    loader = Loader()
    return {name: ServiceModel(loader.load_service_model(name, "service-2"), service_name=name) for name in SERVED}


def text_for(ours: Any) -> str:
    if ours.enum:
        return ours.enum[0]
    low, high = int(ours.minimum or 0), int(ours.maximum or 10_000)
    for text in TEXTS:
        candidate = (text * (low // len(text) + 1))[: max(low, len(text))]
        if len(candidate) <= high and (ours.matches is None or ours.matches(candidate)):
            return candidate
    raise AssertionError(f"no text satisfies {ours.name}: {ours.pattern}")


def generate(shape: Any, seen: tuple[str, ...] = ()) -> Any:
    """Return a value of our compiled shape that has every member and breaks no constraint."""
    inner = (*seen, shape.name)
    if shape.is_document:
        return {"any": ["json", 1, True]}
    if shape.kind == "structure":
        wanted = {k: m for k, m in shape.members.items() if m.shape.name not in inner and not m.is_event_stream}
        if shape.name in ONE_MEMBER_ONLY:
            wanted = dict(list(wanted.items())[:1])
        return {name: generate(member.shape, inner) for name, member in wanted.items()}
    if shape.kind == "list":
        count = max(1, int(shape.minimum or 0))
        return [generate(shape.element.shape, inner) for _ in range(count)]
    if shape.kind == "map":
        keys = [generate(shape.key.shape, inner)]
        keys += [f"{keys[0]}{number}" for number in range(1, int(shape.minimum or 0))]
        return {key: generate(shape.value.shape, inner) for key in keys}
    return scalar_for(shape)


def scalar_for(shape: Any) -> Any:
    if shape.kind == "string":
        return text_for(shape)
    scalars = {"boolean": True, "blob": "blöb".encode(), "timestamp": MOMENT}
    if shape.kind in scalars:
        return scalars[shape.kind]
    number = shape.minimum if shape.minimum is not None else 3
    return float(number) + 0.5 if shape.kind == "double" else int(number)


def to_wire(serialized: dict[str, Any]) -> WireRequest:
    query = serialized["query_string"]
    body = serialized["body"]
    uri = urlsplit(serialized["url_path"])
    encoded = query if isinstance(query, str) else urlencode(query, doseq=True)
    if isinstance(body, dict):
        body = urlencode(body)
    return WireRequest(
        method=serialized["method"],
        path=uri.path,
        query_string="&".join(part for part in (uri.query, encoded) if part),
        headers=tuple((name.lower(), str(value)) for name, value in serialized["headers"].items()),
        body=body.encode() if isinstance(body, str) else bytes(body),
        source_ip="127.0.0.1",
    )


@pytest.mark.parametrize(("name", "operation_name"), operations())
def test_inputs_arrive_as_the_client_gave_them(name, operation_name, models, codecs):
    codec, model = codecs[name], models[codecs[name].service.name].operation_model(operation_name)
    operation = codec.service.find_operation(operation_name)
    params = generate(operation.input) if operation.input else {}
    serialized = create_serializer(codec.protocol).serialize_to_request(params, model)
    parsed_operation, parsed = codec.parse(to_wire(serialized))
    assert parsed_operation is operation
    assert parsed == params


@pytest.mark.parametrize(("name", "operation_name"), operations(answering=True))
def test_outputs_reach_the_client_as_the_operation_gave_them(name, operation_name, models, codecs):
    codec, model = codecs[name], models[codecs[name].service.name].operation_model(operation_name)
    operation = codec.service.find_operation(operation_name)
    output = generate(operation.output)
    response = codec.serialize(operation, output, "the-request-id")
    parsed = create_parser(codec.protocol).parse(
        {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body},
        model.output_shape,
    )
    metadata = parsed.pop("ResponseMetadata")
    assert metadata.get("RequestId") == "the-request-id" or response.header("x-amzn-requestid") == "the-request-id"
    # botocore hands out blob payloads that are not streamed as text.
    got = {k: v.encode() if k == operation.output.payload and isinstance(v, str) else v for k, v in parsed.items()}
    assert got == output


@pytest.mark.parametrize(("name", "operation_name"), operations(answering=True))
def test_none_valued_members_are_left_out(name, operation_name, codecs):
    codec = codecs[name]
    operation = codec.service.find_operation(operation_name)
    empty = codec.serialize(operation, {}, "id")
    assert codec.serialize(operation, dict.fromkeys(operation.output.members), "id") == empty


@pytest.mark.parametrize(("name", "operation_name"), [("logs", "CreateLogGroup"), ("iam", "DeleteUser")])
def test_operations_without_output_are_answered_all_the_same(name, operation_name, models, codecs):
    codec = codecs[name]
    response = codec.serialize(codec.service.find_operation(operation_name), None, "the-request-id")
    parsed = create_parser(codec.protocol).parse(
        {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body},
        models[codecs[name].service.name].operation_model(operation_name).output_shape,
    )
    assert parsed["ResponseMetadata"]["RequestId"] == "the-request-id"
    assert response.status == 200
