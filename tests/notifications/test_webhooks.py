"""Messages for chats: no handshake, and JSON made from a template."""

import json

import pytest
from tests.notifications.conftest import received

from groundwatch.aws.errors import ServiceError
from groundwatch.notifications.names import TopicName
from groundwatch.notifications.records import Delivery, Message, Subscription
from groundwatch.notifications.sending.webhooks import MAX_VALUE_CHARACTERS, check_template, is_webhook_host, render

ALARM = json.dumps(
    {
        "AlarmName": "errors",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold <crossed>",
        "Trigger": {"Period": 60},
    }
)


def delivery(body="text", subject=None):
    topic = TopicName("111122223333", "us-east-1", "alerts")
    subscription = Subscription("id", topic, "111122223333", "https", "https://x.example", {}, "confirmed", "", 0)
    return Delivery(1, Message("m-1", "Notification", body, 1_790_000_000_123, subject), subscription, {}, 0, 0)


RENDERED = [
    pytest.param("slack", delivery("hello", "Hi"), {"text": "*Hi*\nhello"}, id="slack"),
    pytest.param("slack", delivery("<!channel> & co"), {"text": "*alerts*\n&lt;!channel&gt; &amp; co"}, id="no calls"),
    pytest.param("slack", delivery(ALARM), {"text": "*errors: ALARM*\nThreshold &lt;crossed&gt;"}, id="an alarm"),
    pytest.param(
        "discord",
        delivery(ALARM, "S"),
        {"content": "**S**\nThreshold <crossed>", "allowed_mentions": {"parse": []}},
        id="discord",
    ),
    pytest.param(
        '{"a":["${subject}|${topic}",1],"b":{"c":"${message.Trigger.Period} ${message.None}"}}',
        delivery(ALARM),
        {"a": ["|alerts", 1], "b": {"c": "60 "}},
        id="own template",
    ),
    pytest.param(
        '{"t":"${timestamp} ${message_id} ${topic_arn}"}',
        delivery(),
        {"t": "2026-09-21T14:13:20.123Z m-1 arn:aws:sns:us-east-1:111122223333:alerts"},
        id="all about it",
    ),
    pytest.param('{"t":"${message}"}', delivery('"},"x":"${subject}'), {"t": '"},"x":"${subject}'}, id="no injection"),
]


@pytest.mark.parametrize(("template", "given", "expected"), RENDERED)
def test_rendering(template, given, expected):
    check_template(template)
    assert json.loads(render(template, given)) == expected


def test_a_card_for_teams():
    card = json.loads(render("teams", delivery("hello", "Hi")))
    assert [block["text"] for block in card["attachments"][0]["content"]["body"]] == ["Hi", "hello"]


def test_long_texts_are_cut():
    text = json.loads(render("slack", delivery("x" * 200_000)))["text"]
    assert len(text) < MAX_VALUE_CHARACTERS + 20
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("nonsense", "neither one of slack, discord, teams nor a JSON object"),
        ("[]", "nor a JSON object"),
        ('"x"', "nor a JSON object"),
        ('{"a":"${b}"}', r"unknown place \$\{b\}"),
        ('{"a":"${message.}"}', "unknown place"),
        (json.dumps({"a": "x" * 9000}), "longer than 8192"),
        ('{"a":' * 100 + "1" + "}" * 100, "nor a JSON object"),
    ],
)
def test_templates_that_are_none(template, message):
    with pytest.raises(ServiceError, match=message):
        check_template(template)


@pytest.mark.parametrize(
    ("endpoint", "known"),
    [
        ("https://hooks.slack.com/services/x", True),
        ("https://HOOKS.slack.com/services/x", True),
        ("https://hooks.slack.com.evil.example/", False),
        ("https://evil.example/hooks.slack.com", False),
        ("https://hooks.slack.com@evil.example/", False),
        ("https://a.webhook.office.com/x", True),
        ("https://webhook.office.com/x", False),
        ("https://evilwebhook.office.com/x", False),
    ],
)
def test_hosts(endpoint, known):
    assert is_webhook_host(endpoint, ("hooks.slack.com", "*.webhook.office.com")) is known


async def test_a_chat_hears_without_a_handshake(make_world, web_server):
    world = await make_world(webhook_hosts=("127.0.0.1",))
    topic = await world.topic()
    given = {"TopicArn": topic, "Protocol": "http", "Endpoint": f"{web_server.url}/hook"}
    answer = await world.call("Subscribe", **given, Attributes={"WebhookTemplate": "slack"})
    assert answer["SubscriptionArn"].startswith(f"{topic}:")
    await world.call("Publish", TopicArn=topic, Message="hello", Subject="Hi")
    (got,) = await received(web_server, 1)
    assert (got.header("content-type"), json.loads(got.body)) == ("application/json", {"text": "*Hi*\nhello"})
    assert not any(name.lower().startswith("x-amz-") for name, _ in got.headers)
