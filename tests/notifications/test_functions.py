"""Topics that call functions, as those get it from SNS."""

import json
from types import SimpleNamespace

import pytest
from tests.notifications.conftest import ACCOUNT, OTHER, RefusedError, received
from tests.notifications.test_deliveries import verify
from tests.waiting import until

from groundwatch.app.notifying import FunctionCalls
from groundwatch.gateway.functions import LambdaFunctions
from groundwatch.gateway.upstream.credentials import OwnCredentials
from groundwatch.outbound import OutboundClient, OutboundRules

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:on-alarm:live"


@pytest.fixture
async def world(make_world, web_server):
    web_server.status = 202
    async with OutboundClient(OutboundRules(everywhere=True)) as client:
        functions = LambdaFunctions(
            web_server.url, client, OwnCredentials(SimpleNamespace(get_credentials=lambda: None))
        )
        yield await make_world(functions=FunctionCalls(functions))


async def subscribed(world):
    topic = await world.topic()
    answer = await world.call("Subscribe", TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION)
    return topic, answer["SubscriptionArn"]


async def test_the_event_of_a_function(world, web_server, signer):
    topic, arn = await subscribed(world)
    await world.call("Publish", TopicArn=topic, Message="x")
    (got,) = await received(web_server, 1)
    assert got.header("x-amz-invocation-type") == "Event"
    assert got.target.endswith(
        "/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Aon-alarm%3Alive/invocations"
    )
    (record,) = json.loads(got.body)["Records"]
    sns = record.pop("Sns")
    assert record == {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": arn}
    assert (sns["Subject"], sns["Message"], sns["MessageAttributes"]) == (None, "x", {})
    assert {"SigningCertUrl", "UnsubscribeUrl"} < sns.keys()
    verify({key: value for key, value in sns.items() if value is not None}, signer.certificate_pem)


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (403, 1)])
async def test_a_function_that_is_not_there(world, web_server, status, attempts):
    topic, _ = await subscribed(world)
    web_server.status = status
    await world.call("Publish", TopicArn=topic, Message="x")
    await until(lambda: world.letters.events)
    assert len(web_server.received) == attempts
    assert world.letters.events[0][2]["delivery"]["statusCode"] == status


async def test_a_function_that_is_throttled(world, web_server):
    topic, _ = await subscribed(world)
    web_server.status = 429
    await world.call("Publish", TopicArn=topic, Message="x")
    await received(web_server, 3)
    web_server.status = 202
    await received(web_server, 4)


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        ("https://a.example", "InvalidParameter"),
        (FUNCTION.replace(":lambda:", ":sqs:"), "InvalidParameter"),
        (f"{FUNCTION}/../x", "InvalidParameter"),
        (FUNCTION.replace(ACCOUNT, OTHER), "NotImplementedException"),
    ],
)
async def test_endpoints_that_are_no_functions_of_ones_own(world, endpoint, code):
    with pytest.raises(RefusedError) as refused:
        await world.call("Subscribe", TopicArn=await world.topic(), Protocol="lambda", Endpoint=endpoint)
    assert refused.value.code == code
