"""RPC-v2-CBOR from the first byte: routing, forms that values may have, refusals; and a service's choice of codec."""

from __future__ import annotations

from datetime import UTC, datetime

import cbor2
import pytest

from groundwatch.aws.errors import ServiceError, ValidationError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.models import load_service
from groundwatch.aws.protocols.choice import CodecChoice
from groundwatch.aws.selection import ServiceSelector

SERVICE = "GraniteServiceVersion20100801"


def wire(body: bytes, path: str = f"/service/{SERVICE}/operation/PutMetricData", **headers: str) -> WireRequest:
    given = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return WireRequest("POST", path, "", tuple(given.items()), body, "127.0.0.1")


@pytest.fixture(scope="module")
def choice() -> CodecChoice:
    return CodecChoice(load_service("cloudwatch"))


def parse(choice: CodecChoice, body: bytes) -> dict:
    request = wire(body)
    return choice.of(request).parse(request)[1]


def put(value_hex: str) -> bytes:
    """Return {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": …}]} with any CBOR as the value."""
    return (
        b"\xa2" + cbor2.dumps("Namespace") + b"\x61n" + cbor2.dumps("MetricData") + b"\x81\xa2"
        b"" + cbor2.dumps("MetricName") + b"\x61m" + cbor2.dumps("Value") + bytes.fromhex(value_hex)
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"/service/{SERVICE}/operation/PutMetricData", id="plain"),
        pytest.param(f"/a/prefix/service/{SERVICE}/operation/PutMetricData", id="behind a prefix"),
        pytest.param(f"/service/com.amazonaws.cloudwatch.{SERVICE}/operation/PutMetricData", id="absolute shape id"),
    ],
)
def test_the_operation_is_in_the_last_four_parts_of_the_path(path, choice):
    request = wire(b"", path)
    assert choice.of(request).find_operation(request).name == "PutMetricData"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(wire(b"", "/"), id="no path"),
        pytest.param(wire(b"", f"/service/{SERVICE}/operation/Nope"), id="unknown operation"),
        pytest.param(wire(b"", "/service/Other/operation/PutMetricData"), id="another service"),
        pytest.param(wire(b"", f"/service/{SERVICE}/operation/PutMetricData/"), id="a slash behind"),
        pytest.param(wire(b"", x_amz_target=f"{SERVICE}.PutMetricData"), id="two protocols at once"),
    ],
)
def test_what_names_no_operation_is_refused(request_, choice):
    with pytest.raises(ServiceError, match="UnknownOperationException"):
        choice.of(request_).find_operation(request_)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("05", 5.0, id="an integer where a double is expected"),
        pytest.param("29", -10.0, id="a negative integer"),
        pytest.param("f93e00", 1.5, id="a half float"),
        pytest.param("fa3fc00000", 1.5, id="a single float"),
        pytest.param("fb3ff8000000000000", 1.5, id="a double float"),
        pytest.param("f6", None, id="null is as if it were not there"),
        pytest.param("f7", None, id="undefined reads as null"),
    ],
)
def test_numbers_come_in_every_size(value, expected, choice):
    assert parse(choice, put(value))["MetricData"][0].get("Value") == expected


def test_indefinite_lengths_are_read(choice):
    body = bytes.fromhex("bf 69") + b"Namespace" + bytes.fromhex("7f6161 6162 ff ff")
    assert parse(choice, body) == {"Namespace": "ab"}


def test_timestamps_are_seconds_with_tag_one(choice):
    request = wire(
        cbor2.dumps(
            {
                "Namespace": "n",
                "MetricName": "m",
                "Period": 60,
                "StartTime": cbor2.CBORTag(1, 0),
                "EndTime": cbor2.CBORTag(1, 1.5),
            }
        ),
        f"/service/{SERVICE}/operation/GetMetricStatistics",
    )
    params = choice.of(request).parse(request)[1]
    assert params["StartTime"] == datetime(1970, 1, 1, tzinfo=UTC)
    assert params["EndTime"] == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xa1", id="half a map"),
        pytest.param(b"\x80", id="a list instead of a structure"),
        pytest.param(b"\x9b" + b"\xff" * 8, id="a list as long as the world"),
        pytest.param(b"\x5b" + b"\xff" * 8, id="a string as long as the world"),
        pytest.param(b"\x81" * 100_000, id="nested without end"),
        pytest.param(put("6131"), id="text for a number"),
        pytest.param(put("f5"), id="true for a number"),
        pytest.param(put("80"), id="a list for a number"),
        pytest.param(put("c249010000000000000000"), id="a big number's tag"),
        pytest.param(put("d81c00"), id="a shared value"),
        pytest.param(put("d8236128"), id="a regular expression"),
        pytest.param(put("d90100816161"), id="a string table"),
        pytest.param(put("c482 1b7fffffffffffffff 01"), id="a decimal of any size"),
        pytest.param(put("d9ffff00"), id="a tag nobody knows"),
        pytest.param(cbor2.dumps({"Namespace": "n", "MetricData": [None]}), id="null in a list"),
        pytest.param(cbor2.dumps({"Namespace": "n", "MetricData": {}}), id="a map for a list"),
        pytest.param(b"\xa1\x00\x00" * 2, id="more than one item"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(body, choice):
    with pytest.raises(ServiceError) as caught:
        parse(choice, body)
    assert caught.value.code in {"SerializationException", "ValidationException"}


def test_constraints_are_checked_as_in_every_protocol(choice):
    with pytest.raises(ValidationError, match="'namespace' failed to satisfy constraint: Member must not be null"):
        parse(choice, b"")


MISSING = ServiceError("ResourceNotFound")


@pytest.mark.parametrize(
    ("headers", "content_type", "query_error"),
    [
        pytest.param({"smithy-protocol": "rpc-v2-cbor"}, "application/cbor", None, id="CBOR"),
        pytest.param(
            {"smithy-protocol": "rpc-v2-cbor", "x-amzn-query-mode": "true"},
            *("application/cbor", "ResourceNotFound;Sender"),
            id="CBOR of a client that knows query codes",
        ),
        pytest.param({"x-amz-target": "x"}, "application/x-amz-json-1.0", None, id="JSON"),
        pytest.param(
            {"x-amz-target": "x", "x-amzn-query-mode": "true"},
            *("application/x-amz-json-1.0", "ResourceNotFound;Sender"),
            id="JSON of a client that knows query codes",
        ),
        pytest.param({"content-type": "application/x-www-form-urlencoded"}, "text/xml", None, id="query"),
        pytest.param({}, "text/xml", None, id="nothing that tells"),
    ],
)
def test_a_request_is_answered_in_its_own_protocol(headers, content_type, query_error, choice):
    codec = choice.of(WireRequest("POST", "/", "", tuple(headers.items()), b"", "127.0.0.1"))
    answer = codec.serialize_error(MISSING, "id")
    assert answer.status == 404
    assert answer.header("content-type") == content_type
    assert answer.header("x-amzn-query-error") == query_error
    smithy = "rpc-v2-cbor" if content_type == "application/cbor" else None
    assert answer.header("smithy-protocol") == smithy


def test_an_answer_without_output_has_no_body(choice):
    request = wire(b"", f"/service/{SERVICE}/operation/SetAlarmState")
    codec = choice.of(request)
    answer = codec.serialize(codec.find_operation(request), None, "id")
    assert (answer.body, answer.header("content-type"), answer.header("smithy-protocol")) == (b"", None, "rpc-v2-cbor")


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(wire(b""), id="the path of CBOR"),
        pytest.param(wire(b"", "/", x_amz_target=f"{SERVICE}.ListMetrics"), id="the target of JSON"),
        pytest.param(
            WireRequest("GET", "/", "Action=ListMetrics&Version=2010-08-01", (), b"", "127.0.0.1"),
            id="the query's version",
        ),
        pytest.param(WireRequest("GET", "/", "Action=ListMetrics", (), b"", "127.0.0.1"), id="the query's action"),
    ],
)
def test_the_service_is_known_without_a_signature(request_):
    services = [load_service(name) for name in ("logs", "iam", "cloudwatch")]
    assert ServiceSelector(services, {}).choose(request_) == "cloudwatch"
