"""Services that are not offered refuse in their own form, as their own clients read it."""

import asyncio

import botocore.awsrequest
import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config
from tests.aws.test_port import NOW_MS, PRINCIPAL, Logs, Policies, Sts, access, signed, unsigned

from groundwatch.aws.authentication import UnverifiedAuthenticator
from groundwatch.aws.http import WireRequest
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service


@pytest.fixture
def port() -> ServicePort:
    return ServicePort(
        [Service("logs", Logs(), access("logs")), Service("sts", Sts(), access("sts"))],
        UnverifiedAuthenticator(PRINCIPAL, "us-east-1"),
        Policies(),
        default_region="us-east-1",
        clock_ms=lambda: NOW_MS,
    )


class Body:
    """The part of urllib3's answer that botocore reads."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_):
        yield self.content


def answer_with(port: ServicePort, request: botocore.awsrequest.AWSPreparedRequest, **_):
    path, _, query = request.url.removeprefix("http://localhost").partition("?")
    text = [value.decode() if isinstance(value, bytes) else value for value in request.headers.values()]
    headers = tuple((name.lower(), value) for name, value in zip(request.headers.keys(), text, strict=True))
    body = request.body or b""
    wire = WireRequest(request.method, path, query, headers, body.encode() if isinstance(body, str) else body, "::1")
    made = asyncio.run(port.handle(wire))
    return botocore.awsrequest.AWSResponse(request.url, made.status, dict(made.headers), Body(made.body))


@pytest.mark.parametrize(
    ("service", "operation", "named"),
    [
        pytest.param("dynamodb", "list_tables", "dynamodb", id="JSON 1.0"),
        pytest.param("kinesis", "list_streams", "kinesis", id="JSON 1.1"),
        pytest.param("sqs", "list_queues", "sqs", id="JSON that was query"),
        pytest.param("cloudwatch", "list_metrics", "monitoring", id="the protocol that botocore chooses for metrics"),
        pytest.param("arc-region-switch", "list_plans", "arc-region-switch", id="CBOR, JSON or both"),
        pytest.param("sns", "list_topics", "sns", id="query"),
        pytest.param("ec2", "describe_instances", "ec2", id="EC2's query"),
        pytest.param("lambda", "list_functions", "lambda", id="REST with JSON"),
        pytest.param("s3", "list_buckets", "s3", id="REST with XML"),
        pytest.param("xray", "get_groups", "xray", id="REST with a body"),
    ],
)
def test_clients_of_other_services_are_told(port, service, operation, named):
    session = botocore.session.get_session()
    client = session.create_client(
        service,
        region_name="us-east-1",
        endpoint_url="http://localhost",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 1}, inject_host_prefix=False),
    )
    client.meta.events.register("before-send", lambda request, **_: answer_with(port, request))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        getattr(client, operation)()
    assert refused.value.response["Error"]["Code"] == "NotImplementedException"
    message = f"The service {named} is not implemented by Groundwatch, which offers logs, sts."
    assert refused.value.response["Error"]["Message"] == message
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


async def test_rpc_with_cbor_is_answered_in_cbor(port):
    wire = unsigned(b"\xa0", path="/service/GraniteServiceVersion20100801/operation/ListMetrics")
    headers = (("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor"))
    kept = tuple(pair for pair in wire.headers if pair[0] == "host")
    answer = await port.handle(signed(WireRequest("POST", wire.path, "", kept + headers, b"\xa0", "::1"), "monitoring"))
    assert dict(answer.headers)["smithy-protocol"] == "rpc-v2-cbor"
    parser = botocore.parsers.create_parser("smithy-rpc-v2-cbor")
    told = parser.parse({"status_code": answer.status, "headers": {}, "body": answer.body}, None)
    assert told["Error"]["Code"] == "NotImplementedException"
    assert told["Error"]["Message"].startswith("The service monitoring is not implemented")


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(signed(unsigned(b"{}", "DescribeLogGroups"), "s3"), b"logGroups", id="a target of an offered one"),
        pytest.param(
            signed(unsigned(b"Action=GetCallerIdentity&Version=2011-06-15"), "x"), b"<Account>", id="version and action"
        ),
        pytest.param(signed(unsigned(b""), "Not A Service"), b"UnknownOperation", id="a scope that names none"),
        pytest.param(unsigned(b"", method="GET"), b"UnknownOperation", id="no scope"),
    ],
)
async def test_what_names_an_offered_service_goes_there(port, wire, expected):
    assert expected in (await port.handle(wire)).body
