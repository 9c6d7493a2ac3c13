"""The handshake of subscriptions, their end, and what they are set to."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from tests.notifications.conftest import ACCOUNT, AT_ONCE, BASE_URL, OTHER, RefusedError, received
from tests.waiting import until

from groundwatch.aws.http import WireRequest
from groundwatch.notifications import store
from groundwatch.notifications.pages import routes

ARN = f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts"
DAY_MS = 24 * 3_600_000
NOBODY = f"{ARN}:11111111-2222-3333-4444-555555555555"


async def attributes(world, arn):
    return (await world.call("GetSubscriptionAttributes", SubscriptionArn=arn))["Attributes"]


async def states(world, topic):
    found = (await world.call("GetTopicAttributes", TopicArn=topic))["Attributes"]
    return [int(found[f"Subscriptions{state}"]) for state in ("Confirmed", "Pending", "Deleted")]


async def test_the_handshake(world, web_server):
    topic = await world.topic()
    given = {"TopicArn": topic, "Protocol": "http", "Endpoint": f"{web_server.url}/hook"}
    assert await world.call("Subscribe", **given) == {"SubscriptionArn": "pending confirmation"}
    (asked,) = await received(web_server, 1)
    document = json.loads(asked.body)
    assert asked.header("x-amz-sns-message-type") == document["Type"] == "SubscriptionConfirmation"
    assert asked.header("x-amz-sns-subscription-arn") is None
    assert asked.header("content-type") == "text/plain; charset=UTF-8"
    assert document["TopicArn"] == topic
    assert await states(world, topic) == [0, 1, 0]
    listed = (await world.call("ListSubscriptionsByTopic", TopicArn=topic))["Subscriptions"]
    assert [item["SubscriptionArn"] for item in listed] == ["PendingConfirmation"]
    confirmed = await world.follow(document["SubscribeURL"])
    assert await world.follow(document["SubscribeURL"]) == confirmed
    assert await world.call("Subscribe", **given) == confirmed
    assert await states(world, topic) == [1, 0, 0]
    assert await attributes(world, confirmed["SubscriptionArn"]) | {"EffectiveDeliveryPolicy": ""} == {
        "SubscriptionArn": confirmed["SubscriptionArn"],
        "TopicArn": topic,
        "Owner": ACCOUNT,
        "Protocol": "http",
        "Endpoint": f"{web_server.url}/hook",
        "ConfirmationWasAuthenticated": "false",
        "PendingConfirmation": "false",
        "RawMessageDelivery": "false",
        "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT}:root",
        "EffectiveDeliveryPolicy": "",
    }


async def test_the_arn_at_once(world, web_server):
    topic = await world.topic()
    answer = await world.call(
        "Subscribe", TopicArn=topic, Protocol="http", Endpoint=web_server.url, ReturnSubscriptionArn=True
    )
    assert answer["SubscriptionArn"].startswith(f"{topic}:")


async def test_an_endpoint_is_not_asked_over_and_over(world, web_server, clock):
    topic = await world.topic()
    given = {"TopicArn": topic, "Protocol": "http", "Endpoint": web_server.url}
    for _ in range(3):
        await world.call("Subscribe", **given)
    clock.now_ms += 61_000
    await world.call("Subscribe", **given)
    first, second = await received(web_server, 2)
    assert json.loads(first.body)["Token"] != json.loads(second.body)["Token"]
    with pytest.raises(RefusedError, match="Invalid parameter: Token"):
        await world.follow(json.loads(first.body)["SubscribeURL"])
    await world.follow(json.loads(second.body)["SubscribeURL"])


async def test_tokens_are_for_their_topic_and_not_for_ever(world, web_server, clock):
    topic, other = await world.topic(), await world.topic("other")
    await world.call("Subscribe", TopicArn=topic, Protocol="http", Endpoint=web_server.url)
    (asked,) = await received(web_server, 1)
    token = json.loads(asked.body)["Token"]
    for arn, wrong, message in ((other, token, "Topic"), (topic, "0" * 64, "Token")):
        with pytest.raises(RefusedError, match=f"Invalid parameter: {message}"):
            await world.call("ConfirmSubscription", TopicArn=arn, Token=wrong)
    for arn in (topic, topic + "x"):
        with pytest.raises(RefusedError, match="Invalid parameter: Token"):
            await world.follow(f"{BASE_URL}/?Action=ConfirmSubscription&TopicArn={arn}&Token=t")
    with pytest.raises(RefusedError, match="NotFound"):
        await world.call("ConfirmSubscription", TopicArn=topic + "x", Token="t")
    clock.now_ms += 2 * DAY_MS + 1
    with pytest.raises(RefusedError, match="expired"):
        await world.follow(json.loads(asked.body)["SubscribeURL"])


async def test_what_nobody_confirms_is_forgotten(world, web_server, clock):
    topic = await world.topic()
    await world.call("Subscribe", TopicArn=topic, Protocol="http", Endpoint=web_server.url)
    await received(web_server, 1)
    clock.now_ms += 3 * DAY_MS + 1
    await world.room.deliveries._store.forget_old()
    assert await states(world, topic) == [0, 0, 0]


async def test_an_unsigned_farewell_can_be_taken_back(world, web_server):
    topic = await world.topic()
    arn = await world.subscribed(topic, web_server)
    await world.follow(f"{BASE_URL}/?Action=Unsubscribe&SubscriptionArn={arn}")
    (told,) = await received(web_server, 1)
    document = json.loads(told.body)
    assert document["Type"] == told.header("x-amz-sns-message-type") == "UnsubscribeConfirmation"
    assert told.header("x-amz-sns-subscription-arn") == arn
    assert await states(world, topic) == [0, 0, 1]
    with pytest.raises(RefusedError, match="NotFound: Subscription does not exist"):
        await attributes(world, arn)
    await world.call("Publish", TopicArn=topic, Message="nobody hears")
    assert (await world.follow(document["SubscribeURL"]))["SubscriptionArn"] == arn
    await world.call("Publish", TopicArn=topic, Message="again")
    assert json.loads((await received(web_server, 2))[1].body)["Message"] == "again"


async def test_a_signed_farewell_is_final(world, web_server):
    topic = await world.topic()
    arn = await world.subscribed(topic, web_server)
    await world.call("Unsubscribe", SubscriptionArn=arn)
    await world.call("Unsubscribe", SubscriptionArn=arn)
    assert await states(world, topic) == [0, 0, 0]
    await until(lambda: not world.room.deliveries._lanes)
    assert not web_server.received


async def test_authentication_on_unsubscribe(world, web_server):
    topic = await world.topic()
    await world.call("Subscribe", TopicArn=topic, Protocol="http", Endpoint=web_server.url)
    token = json.loads((await received(web_server, 1))[0].body)["Token"]
    answer = await world.call("ConfirmSubscription", TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    arn = answer["SubscriptionArn"]
    assert (await attributes(world, arn))["ConfirmationWasAuthenticated"] == "true"
    with pytest.raises(RefusedError, match="AuthorizationError"):
        await world.follow(f"{BASE_URL}/?Action=Unsubscribe&SubscriptionArn={arn}")
    await world.call("Unsubscribe", SubscriptionArn=arn)


async def test_subscriptions_of_others(world, web_server):
    topic = await world.topic()
    arn = await world.subscribed(topic, web_server)
    for operation, members in (
        ("Unsubscribe", {}),
        ("GetSubscriptionAttributes", {}),
        ("SetSubscriptionAttributes", {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}),
    ):
        with pytest.raises(RefusedError, match="AuthorizationError"):
            await world.call(operation, OTHER, SubscriptionArn=arn, **members)
    assert (await world.call("ListSubscriptions", OTHER))["Subscriptions"] == []


async def test_a_subscriber_of_another_account_keeps_their_subscription(world, web_server):
    topic = await world.topic()
    actions = ["Subscribe", "ConfirmSubscription"]
    allow = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Resource": topic}
    statements = [allow | {"Sid": action, "Action": f"SNS:{action}"} for action in actions]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    await world.call("SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    await world.call("Subscribe", OTHER, TopicArn=topic, Protocol="http", Endpoint=web_server.url)
    token = json.loads((await received(web_server, 1))[0].body)["Token"]
    arn = (await world.call("ConfirmSubscription", OTHER, TopicArn=topic, Token=token))["SubscriptionArn"]
    (listed,) = (await world.call("ListSubscriptions", OTHER))["Subscriptions"]
    assert (listed["SubscriptionArn"], listed["Owner"]) == (arn, OTHER)
    await world.call("Unsubscribe", OTHER, SubscriptionArn=arn)


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        pytest.param(
            {"Protocol": "carrier"}, "InvalidParameter", "does not support this protocol string: carrier", id="?"
        ),
        pytest.param({"Protocol": "sqs"}, "NotImplementedException", "by the protocol sqs", id="sqs"),
        pytest.param(
            {"Protocol": "lambda"}, "NotImplementedException", "Without the setting lambda_url", id="no functions"
        ),
        pytest.param({"Protocol": "email"}, "NotImplementedException", "Without the setting smtp_url", id="no mail"),
        pytest.param({"Endpoint": "http://a.example"}, "InvalidParameter", "Endpoint must match the", id="scheme"),
        pytest.param({"Endpoint": "https://"}, "InvalidParameter", "Invalid parameter: Endpoint", id="no host"),
        pytest.param(
            {"Endpoint": "https://a.example/ x"}, "InvalidParameter", "Invalid parameter: Endpoint", id="blank"
        ),
        pytest.param({"Endpoint": f"https://a.example/{'x' * 2048}"}, "InvalidParameter", "Endpoint", id="long"),
        pytest.param(
            {"Attributes": {"RawMessageDelivery": "wrongvalue"}},
            "InvalidParameter",
            "Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false.",
            id="raw",
        ),
        pytest.param(
            {"Attributes": {"FilterPolicy": '{"a":"b"}'}},
            "InvalidParameter",
            'Invalid parameter: Attributes Reason: FilterPolicy: "a" must be an object or an array',
            id="filter",
        ),
        pytest.param({"Attributes": {"FilterPolicyScope": "x"}}, "InvalidParameter", "FilterPolicyScope", id="scope"),
        pytest.param({"Attributes": {"RedrivePolicy": "{}"}}, "NotImplementedException", "RedrivePolicy", id="redrive"),
        pytest.param({"Attributes": {"Nonsense": "x"}}, "InvalidParameter", "Unknown attribute Nonsense", id="unknown"),
        pytest.param(
            {"Attributes": {"WebhookTemplate": "slack"}},
            "InvalidParameter",
            "Invalid parameter: Endpoint Reason: a.example is none of the hosts for web hooks",
            id="web hook elsewhere",
        ),
        pytest.param(
            {"Attributes": {"WebhookTemplate": '{"text":"${nonsense}"}'}},
            "InvalidParameter",
            "unknown place ${nonsense}",
            id="web hook place",
        ),
        pytest.param(
            {"Attributes": {"WebhookTemplate": "[1"}}, "InvalidParameter", "nor a JSON object", id="web hook no JSON"
        ),
    ],
)
async def test_refusals_of_subscribe(world, given, code, message):
    topic = await world.topic()
    with pytest.raises(RefusedError) as refused:
        await world.call(
            "Subscribe", **({"TopicArn": topic, "Protocol": "https", "Endpoint": "https://a.example/x"} | given)
        )
    assert refused.value.code == code
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("operation", "members", "code", "message"),
    [
        ("Unsubscribe", {"SubscriptionArn": "bad"}, "InvalidParameter", "at least 6 elements, not 1"),
        ("Unsubscribe", {"SubscriptionArn": f"{ARN}:x"}, "InvalidParameter", "Invalid parameter: SubscriptionId"),
        ("GetSubscriptionAttributes", {"SubscriptionArn": NOBODY}, "NotFound", "Subscription does not exist"),
        (
            "SetSubscriptionAttributes",
            {"SubscriptionArn": NOBODY, "AttributeName": "Nonsense"},
            "InvalidParameter",
            "Invalid parameter: AttributeName",
        ),
    ],
)
async def test_other_refusals(world, operation, members, code, message):
    with pytest.raises(RefusedError) as refused:
        await world.call(operation, **members)
    assert refused.value.code == code
    assert message in refused.value.message


async def test_other_attributes_than_before(world, web_server):
    topic = await world.topic()
    given = {"TopicArn": topic, "Protocol": "http", "Endpoint": web_server.url}
    await world.call("Subscribe", **given, Attributes={"FilterPolicy": '{"a":["b"]}'})
    with pytest.raises(RefusedError, match="Subscription already exists with different attributes"):
        await world.call("Subscribe", **given, Attributes={"FilterPolicy": '{"a":["c"]}'})
    await world.call("Subscribe", **given)


async def test_attributes_one_at_a_time(world, web_server):
    arn = await world.subscribed(await world.topic(), web_server)

    async def put(name, value):
        await world.call("SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value)

    await put("RawMessageDelivery", "true")
    await put("FilterPolicyScope", "MessageBody")
    await put("FilterPolicy", '{"a":{"b":["c"]}}')
    found = await attributes(world, arn)
    assert (found["RawMessageDelivery"], found["FilterPolicyScope"]) == ("true", "MessageBody")
    with pytest.raises(RefusedError, match="does not support nested"):
        await put("FilterPolicyScope", "MessageAttributes")
    await put("FilterPolicy", "{}")
    await put("RawMessageDelivery", "false")
    found = await attributes(world, arn)
    assert "FilterPolicy" not in found
    assert found["RawMessageDelivery"] == "false"
    with pytest.raises(RefusedError, match="subscribe anew"):
        await put("WebhookTemplate", "slack")


async def test_attributes_that_are_set_at_the_same_time_are_all_set(world, web_server):
    arn = await world.subscribed(await world.topic(), web_server)
    wanted = {"RawMessageDelivery": "true", "FilterPolicy": '{"a":["b"]}', "DeliveryPolicy": AT_ONCE}
    await asyncio.gather(
        *(
            world.call("SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
            for name, value in wanted.items()
        )
    )
    found = await attributes(world, arn)
    assert {name: found.get(name) for name in wanted} == wanted


async def test_passwords_of_endpoints_are_not_shown(world, web_server):
    topic = await world.topic()
    endpoint = web_server.url.replace("//", "//user:secret@")
    await world.call("Subscribe", TopicArn=topic, Protocol="http", Endpoint=endpoint)
    (asked,) = await received(web_server, 1)
    assert asked.header("authorization") == "Basic dXNlcjpzZWNyZXQ="
    (listed,) = (await world.call("ListSubscriptions"))["Subscriptions"]
    assert listed["Endpoint"] == endpoint.replace("secret", "****")


async def test_an_unsigned_call_of_another_operation(world):
    topic = await world.topic()
    request = WireRequest("GET", "/", f"Action=DeleteTopic&TopicArn={topic}", (), b"", "127.0.0.1")
    answer = await world.port.handle(request)
    assert (answer.status, b"MissingAuthenticationToken" in answer.body) == (403, True)


async def test_pages_ask_before_they_act(signer):
    handlers = routes(signer)
    url = urlsplit('/confirmation.html?TopicArn=arn:"><script>&Token=t')
    page = await handlers[url.path](WireRequest("GET", url.path, url.query, (), b"", "127.0.0.1"))
    assert page.status == 200
    assert b'<form method="post" action="./">' in page.body
    assert b'name="Action" value="ConfirmSubscription"' in page.body
    assert b"<script>" not in page.body
    assert "frame-ancestors 'none'" in page.header("content-security-policy")


async def test_links_lead_to_any_region(world, web_server):
    here = {"region": "eu-west-1"}
    topic = (await world.call("CreateTopic", Name="far", **here))["TopicArn"]
    await world.call("Subscribe", TopicArn=topic, Protocol="http", Endpoint=web_server.url, **here)
    asked = json.loads((await received(web_server, 1))[0].body)
    arn = (await world.follow(asked["SubscribeURL"]))["SubscriptionArn"]
    assert arn.startswith(f"arn:aws:sns:eu-west-1:{ACCOUNT}:far:")
    assert (await world.call("ListTopics"))["Topics"] == []
    await world.follow(f"{BASE_URL}/?Action=Unsubscribe&SubscriptionArn={arn}")
    assert json.loads((await received(web_server, 2))[1].body)["Type"] == "UnsubscribeConfirmation"


@pytest.mark.parametrize(
    ("limit", "attributes", "code"),
    [
        ("MAX_SUBSCRIPTIONS", {}, "SubscriptionLimitExceeded"),
        ("MAX_PENDING", {}, "SubscriptionLimitExceeded"),
        ("MAX_FILTER_POLICIES", {"FilterPolicy": '{"a":["b"]}'}, "FilterPolicyLimitExceeded"),
    ],
)
async def test_limits(world, monkeypatch, limit, attributes, code):
    topic = await world.topic()
    given = {"TopicArn": topic, "Protocol": "https", "Attributes": attributes}
    monkeypatch.setattr(store, limit, 2)
    for number in range(2):
        await world.call("Subscribe", Endpoint=f"https://a.example/{number}", **given)
    await world.call("Subscribe", Endpoint="https://a.example/0", **given)
    with pytest.raises(RefusedError) as refused:
        await world.call("Subscribe", Endpoint="https://a.example/2", **given)
    assert (refused.value.status, refused.value.code) == (403, code)


async def test_a_topic_too_many(world, monkeypatch):
    monkeypatch.setattr(store, "MAX_TOPICS", 1)
    await world.topic()
    await world.topic()
    await world.topic(account=OTHER)
    with pytest.raises(RefusedError, match="TopicLimitExceeded"):
        await world.topic("second")
