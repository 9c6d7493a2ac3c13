"""What endpoints receive, what is tried again, and what is given up."""

import asyncio
import base64
import datetime as dt
import itertools
import json
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from tests.notifications.conftest import ACCOUNT, AT_ONCE, BASE_URL, OTHER, RefusedError, received
from tests.waiting import until

from groundwatch.aws.errors import ServiceError
from groundwatch.notifications import deliveries, queue
from groundwatch.notifications.delivery_policy import MAIL_RETRIES, RetryPolicy
from groundwatch.notifications.failures import PART_CHARACTERS
from groundwatch.tls import ensure_local_certificate, server_context

SIGNED = {
    "Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
    "SubscriptionConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
}


def verify(document, certificate_pem):
    """Check a signature as subscribers do, by nothing but the document and the certificate."""
    text = "".join(f"{key}\n{document[key]}\n" for key in SIGNED[document["Type"]] if key in document)
    digest = {"1": hashes.SHA1(), "2": hashes.SHA256()}[document["SignatureVersion"]]
    key = x509.load_pem_x509_certificate(certificate_pem).public_key()
    key.verify(base64.b64decode(document["Signature"]), text.encode(), padding.PKCS1v15(), digest)


async def idle(world):
    """Wait until nothing is being delivered."""
    await until(lambda: not world.room.deliveries._lanes)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Größe"])
async def test_a_notification(world, web_server, signer, version, subject):
    topic = await world.topic(SignatureVersion=version)
    arn = await world.subscribed(topic, web_server)
    given = {} if subject is None else {"Subject": subject}
    attributes = {
        "n": {"DataType": "Number", "StringValue": "5"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    answer = await world.call("Publish", TopicArn=topic, Message="Grüße\n", MessageAttributes=attributes, **given)
    (got,) = await received(web_server, 1)
    document = json.loads(got.body)
    assert list(document) == [
        *("Type", "MessageId", "TopicArn", *(["Subject"] if subject else []), "Message", "Timestamp"),
        *("SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL", "MessageAttributes"),
    ]
    assert document["MessageId"] == answer["MessageId"] == got.header("x-amz-sns-message-id")
    assert document["Message"] == "Grüße\n"
    assert document["Timestamp"] == "2026-09-21T14:13:20.000Z"
    assert document["MessageAttributes"] == {
        "n": {"Type": "Number", "Value": "5"},
        "b": {"Type": "Binary", "Value": "AP8="},
    }
    assert document["SigningCertURL"] == f"{BASE_URL}{signer.certificate_path}"
    assert got.header("user-agent") == "Amazon Simple Notification Service Agent"
    assert (got.header("x-amz-sns-topic-arn"), got.header("x-amz-sns-subscription-arn")) == (topic, arn)
    verify(document, signer.certificate_pem)


async def test_confirmations_are_signed(world, web_server, signer):
    await world.call("Subscribe", TopicArn=await world.topic(), Protocol="http", Endpoint=web_server.url)
    verify(json.loads((await received(web_server, 1))[0].body), signer.certificate_pem)


async def test_https_with_a_certificate_that_is_trusted(make_world, make_web_server, tmp_path):
    files = ensure_local_certificate(tmp_path / "tls", ("127.0.0.1",), dt.datetime.now(dt.UTC))
    server = await make_web_server(server_context(files))
    world = await make_world(trust=ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem"))
    topic = await world.topic()
    await world.subscribed(topic, server)
    await world.call("Publish", TopicArn=topic, Message="over TLS")
    assert json.loads((await received(server, 1))[0].body)["Message"] == "over TLS"


async def test_raw_delivery_and_the_type_of_its_content(world, web_server):
    topic = await world.topic()
    policy = json.dumps({"requestPolicy": {"headerContentType": "application/json"}})
    await world.subscribed(topic, web_server, RawMessageDelivery="true", DeliveryPolicy=policy)
    await world.call("Publish", TopicArn=topic, Message='{"a":1}', Subject="s")
    (got,) = await received(web_server, 1)
    assert got.body == b'{"a":1}'
    assert (got.header("x-amz-sns-rawdelivery"), got.header("content-type")) == ("true", "application/json")


async def test_bodies_by_protocol(world, web_server):
    topic = await world.topic()
    await world.subscribed(topic, web_server, RawMessageDelivery="true")
    bodies = {"default": "d", "http": "for http", "https": "for https"}
    await world.call("Publish", TopicArn=topic, Message=json.dumps(bodies), MessageStructure="json")
    await world.call("Publish", TopicArn=topic, Message='{"default":"d"}', MessageStructure="json")
    assert sorted(got.body for got in await received(web_server, 2)) == [b"d", b"for http"]


async def test_filters(world, make_web_server):
    topic, red, blue = await world.topic(), await make_web_server(), await make_web_server()
    await world.subscribed(topic, red, RawMessageDelivery="true", FilterPolicy='{"team":["red"]}')
    policy = {"FilterPolicy": '{"detail":{"team":["blue"]}}', "FilterPolicyScope": "MessageBody"}
    await world.subscribed(topic, blue, RawMessageDelivery="true", **policy)
    team = {"team": {"DataType": "String", "StringValue": "red"}}
    await world.call("Publish", TopicArn=topic, Message="to red", MessageAttributes=team)
    await world.call("Publish", TopicArn=topic, Message='{"detail":{"team":"blue"}}')
    await world.call("Publish", TopicArn=topic, Message="to nobody")
    await idle(world)
    assert [got.body for got in red.received] == [b"to red"]
    assert [got.body for got in blue.received] == [b'{"detail":{"team":"blue"}}']


async def test_a_batch(world, web_server):
    topic = await world.topic()
    await world.subscribed(topic, web_server, RawMessageDelivery="true")
    entries = [
        {"Id": "a", "Message": "one"},
        {"Id": "b", "Message": "two", "Subject": "\n"},
        {"Id": "c", "Message": "three"},
    ]
    answer = await world.call("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [item["Id"] for item in answer["Successful"]] == ["a", "c"]
    expected = {"Id": "b", "Code": "InvalidParameter", "Message": "Invalid parameter: Subject", "SenderFault": True}
    assert answer["Failed"] == [expected]
    assert sorted(got.body for got in await received(web_server, 2)) == [b"one", b"three"]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "Message": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "Message": "x"}] * 2, "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "Message": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "Message": "x" * 140_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
async def test_batches_that_are_refused(world, entries, code):
    with pytest.raises(RefusedError) as refused:
        await world.call("PublishBatch", TopicArn=await world.topic(), PublishBatchRequestEntries=entries)
    assert refused.value.code == code


def attribute(kind="String", **value):
    return {"MessageAttributes": {"key": {"DataType": kind} | value}}


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        pytest.param({"Message": ""}, "InvalidParameter", "Invalid parameter: Empty message", id="empty"),
        pytest.param({"Message": "x" * 262_145}, "InvalidParameter", "Invalid parameter: Message too long", id="long"),
        pytest.param({"Message": "ü" * 131_073}, "InvalidParameter", "Invalid parameter: Message too long", id="bytes"),
        pytest.param({"Subject": ""}, "InvalidParameter", "Invalid parameter: Subject", id="empty subject"),
        pytest.param({"Subject": "x" * 101}, "InvalidParameter", "Invalid parameter: Subject", id="long subject"),
        pytest.param({"Subject": "a\nBcc: b"}, "InvalidParameter", "Invalid parameter: Subject", id="lines of subject"),
        pytest.param({"MessageStructure": "xml"}, "InvalidParameter", "MessageStructure", id="structure"),
        pytest.param(
            {"MessageStructure": "json"}, "InvalidParameter", "JSON message body failed to parse", id="no JSON"
        ),
        pytest.param(
            {"MessageStructure": "json", "Message": '{"http":"x"}'},
            "InvalidParameter",
            "Invalid parameter: Message Structure - No default entry in JSON message body",
            id="no default",
        ),
        pytest.param({"PhoneNumber": "+15550100"}, "NotImplementedException", "Publish.PhoneNumber", id="phone"),
        pytest.param({"MessageDeduplicationId": "x"}, "InvalidParameter", "not valid for this topic type", id="dedup"),
        pytest.param(
            attribute("", StringValue="x"), "ParameterValueInvalid", "non-empty message attribute type", id="-"
        ),
        pytest.param(attribute("Date", StringValue="x"), "ParameterValueInvalid", "supported type", id="type"),
        pytest.param(attribute(), "ParameterValueInvalid", "non-empty message attribute value", id="no value"),
        pytest.param(attribute(BinaryValue=b"x"), "ParameterValueInvalid", "must use field 'String'", id="field"),
        pytest.param(attribute("Number", StringValue="x"), "ParameterValueInvalid", "value to number", id="number"),
        *(
            pytest.param(attribute("Number", StringValue=text), "ParameterValueInvalid", "value to number", id=text)
            # Python reads all of them.
            for text in ("nan", "1_0", "\u0661", "1e999")
        ),
        pytest.param(attribute("String.Array", StringValue="x"), "ParameterValueInvalid", "JSON array", id="array"),
    ],
)
async def test_refusals_of_publish(world, given, code, message):
    with pytest.raises(RefusedError) as refused:
        await world.call("Publish", **({"TopicArn": await world.topic(), "Message": "x"} | given))
    assert refused.value.code == code
    assert message in refused.value.message


@pytest.mark.parametrize("name", ["a b", ".a", "a.", "a..b", "AWS.x", "amazon.x", "x" * 257, "ü"])
async def test_names_of_attributes(world, name):
    given = {name: {"DataType": "String", "StringValue": "x"}}
    with pytest.raises(RefusedError, match="ParameterValueInvalid"):
        await world.call("Publish", TopicArn=await world.topic(), Message="x", MessageAttributes=given)


async def test_publishing_to_nowhere(world):
    with pytest.raises(RefusedError, match="Invalid parameter: TopicArn or TargetArn Reason: no value for required"):
        await world.call("Publish", Message="x")
    with pytest.raises(RefusedError, match=r"Publish\.PhoneNumber is not implemented"):
        await world.call("Publish", PhoneNumber="+15550100", Message="x")
    with pytest.raises(RefusedError, match="NotFound: Topic does not exist"):
        await world.call("Publish", TargetArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:none", Message="x")


async def test_a_topic_may_take_more(world, web_server):
    topic = await world.topic(MaximumMessageSize="1048576")
    await world.subscribed(topic, web_server, RawMessageDelivery="true")
    await world.call("Publish", TopicArn=topic, Message="x" * 1_048_576)
    assert len((await received(web_server, 1))[0].body) == 1_048_576


def answering(answer_bytes, *statuses):
    """A reply with each status in turn, and the last one for ever after."""
    turns = itertools.chain(statuses, itertools.repeat(statuses[-1]))

    async def reply(_request):
        status = next(turns)
        return None if status is None else answer_bytes(status=status, headers=[("Location", "/again")])

    return reply


@pytest.mark.parametrize(
    ("statuses", "attempts", "status"),
    [
        pytest.param([200], 1, None, id="taken"),
        pytest.param([204], 1, None, id="taken without a word"),
        pytest.param([500, 503, 200], 3, None, id="taken at last"),
        pytest.param([429, 200], 2, None, id="too many requests"),
        pytest.param([None, 200], 2, None, id="no answer"),
        pytest.param([500], 4, 500, id="never taken"),
        pytest.param([404], 1, 404, id="refused for good"),
        pytest.param([302], 1, 302, id="redirects are not followed"),
    ],
)
async def test_retries(world, web_server, answer_bytes, statuses, attempts, status):
    topic = await world.topic()
    arn = await world.subscribed(topic, web_server, DeliveryPolicy=AT_ONCE)
    web_server.reply = answering(answer_bytes, *statuses)
    answer = await world.call("Publish", TopicArn=topic, Message="x", Subject="s")
    await idle(world)
    assert len(web_server.received) == attempts
    assert len({got.header("x-amz-sns-message-id") for got in web_server.received}) == 1
    assert await world.room.queue.waiting() == 0
    if status is None:
        assert world.letters.events == []
        return
    ((account, group, letter),) = world.letters.events
    assert (account, group) == (ACCOUNT, f"sns/us-east-1/{ACCOUNT}/alerts/Failure")
    assert letter["status"] == "FAILURE"
    assert letter["notification"]["messageId"] == answer["MessageId"]
    assert letter["delivery"] | {"dwellTimeMs": 0} == {
        "subscriptionArn": arn,
        "destination": f"{web_server.url}/x",
        "providerResponse": f"the endpoint answered {status}",
        "dwellTimeMs": 0,
        "attempts": attempts,
        "statusCode": status,
    }
    assert letter["message"] == {"type": "Notification", "subject": "s", "body": "x"}


async def test_a_long_letter_is_kept_in_parts(world, web_server):
    topic = await world.topic()
    await world.subscribed(topic, web_server)
    web_server.status = 404
    body = "".join(map(chr, range(32, 127))) * 2000
    await world.call("Publish", TopicArn=topic, Message=body)
    await idle(world)
    parts = [letter["message"] for _, _, letter in world.letters.events]
    assert [part["part"] for part in parts] == list(range(1, len(body) // PART_CHARACTERS + 2))
    assert "".join(part["body"] for part in parts) == body


async def test_an_answer_without_end_counts_by_its_status(world, web_server, answer_bytes):
    topic = await world.topic()
    await world.subscribed(topic, web_server)
    web_server.body = b"x" * 200_000
    await world.call("Publish", TopicArn=topic, Message="x")
    await idle(world)
    assert (len(web_server.received), world.letters.events) == (1, [])


async def test_private_addresses_are_refused(make_world, web_server):
    world = await make_world(allow=())
    await world.call("Subscribe", TopicArn=await world.topic(), Protocol="http", Endpoint=web_server.url)
    await idle(world)
    assert web_server.connections == 0
    ((_, _, letter),) = world.letters.events
    assert "has the address 127.0.0.1, which is not public" in letter["delivery"]["providerResponse"]


async def test_the_next_attempt_is_not_before_its_time(world, web_server, clock):
    topic = await world.topic()
    await world.subscribed(topic, web_server)
    web_server.status = 500
    await world.call("Publish", TopicArn=topic, Message="x")
    await received(web_server, 1)
    (lane_id,) = await until(lambda: list(world.room.deliveries._lanes))
    (lane,) = world.room.deliveries._lanes.values()
    await until(lambda: not lane._busy)
    due_ms = await world.room.queue.next_due_ms(lane_id, ())
    assert 18_000 <= due_ms - clock.now_ms <= 22_000
    clock.now_ms = due_ms
    web_server.status = 200
    lane.wake()
    await idle(world)
    assert len(web_server.received) == 2


async def test_an_endpoint_that_hangs_holds_up_nobody(world, make_web_server):
    topic, slow, quick = await world.topic(), await make_web_server(), await make_web_server()
    for server in (slow, quick):
        await world.subscribed(topic, server)
    stuck = asyncio.Event()

    async def hang(_request):
        await stuck.wait()

    slow.reply = hang
    for number in range(20):
        await world.call("Publish", TopicArn=topic, Message=str(number))
    await received(quick, 20)
    assert len(slow.received) <= 8
    stuck.set()


async def test_what_was_not_delivered_is_after_a_restart(make_world, web_server):
    first = await make_world()
    topic = await first.topic()
    await first.subscribed(topic, web_server)
    web_server.status = 503
    await first.call("Publish", TopicArn=topic, Message="survives")
    await received(web_server, 1)
    await first.room.stop()
    web_server.status = 200
    first.clock.now_ms += 60_000
    second = await make_world()
    assert json.loads((await received(web_server, 2))[1].body)["Message"] == "survives"
    await idle(second)
    assert await second.room.queue.waiting() == 0


async def test_a_queue_has_an_end(world, web_server, monkeypatch):
    topic = await world.topic()
    await world.subscribed(topic, web_server)
    web_server.status = 500
    monkeypatch.setattr(queue, "MAX_WAITING", 3)
    for number in range(5):
        await world.call("Publish", TopicArn=topic, Message=str(number))
    assert await world.room.queue.waiting() == 3
    reasons = [letter["delivery"]["providerResponse"] for _, _, letter in world.letters.events]
    assert reasons == ["too many messages wait for this subscription"] * 2


async def test_an_end_that_cannot_be_stored_is_stored_later_whatever_the_reason(world, web_server, monkeypatch):
    topic = await world.topic()
    await world.subscribed(topic, web_server)
    await idle(world)
    monkeypatch.setattr(deliveries, "RETRY_S", 0)
    remove, troubles = world.room.queue._remove, [OSError("no file"), MemoryError()]

    async def failing(done):
        if troubles:
            raise troubles.pop()
        await remove(done)

    monkeypatch.setattr(world.room.queue, "_remove", failing)
    await world.call("Publish", TopicArn=topic, Message="x")
    await idle(world)
    assert (await world.room.queue.waiting(), len(web_server.received)) == (0, 1)


async def test_a_throttle(world, web_server):
    topic = await world.topic()
    policy = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 20}})
    await world.subscribed(topic, web_server, DeliveryPolicy=policy)
    started = asyncio.get_running_loop().time()
    for number in range(5):
        await world.call("Publish", TopicArn=topic, Message=str(number))
    await received(web_server, 5)
    assert asyncio.get_running_loop().time() - started >= 4 / 20


async def test_unsubscribing_takes_what_waits(world, web_server):
    topic = await world.topic()
    arn = await world.subscribed(topic, web_server)
    web_server.status = 500
    await world.call("Publish", TopicArn=topic, Message="x")
    await received(web_server, 1)
    await world.call("Unsubscribe", SubscriptionArn=arn)
    assert await world.room.queue.waiting() == 0


DELAYS = [
    pytest.param(RetryPolicy(), [20, 20, 20], id="default"),
    pytest.param(RetryPolicy(num_retries=0), [], id="none"),
    pytest.param(
        RetryPolicy(
            min_delay_target=1,
            max_delay_target=9,
            num_retries=8,
            num_no_delay_retries=2,
            num_min_delay_retries=1,
            num_max_delay_retries=2,
        ),
        [0, 0, 1, 1, 5, 9, 9, 9],
        id="all phases",
    ),
    pytest.param(
        RetryPolicy(min_delay_target=1, max_delay_target=8, num_retries=4, backoff_function="geometric"),
        [1, 2, 4, 8],
        id="geometric",
    ),
    pytest.param(
        RetryPolicy(min_delay_target=1, max_delay_target=8, num_retries=4, backoff_function="exponential"),
        [1, 2, 4, 8],
        id="exponential",
    ),
    pytest.param(
        RetryPolicy(min_delay_target=1, max_delay_target=13, num_retries=4, backoff_function="arithmetic"),
        [1, 3, 7, 13],
        id="arithmetic",
    ),
    pytest.param(RetryPolicy(min_delay_target=3, max_delay_target=9, num_retries=1), [3], id="a single growing retry"),
]


@pytest.mark.parametrize(("policy", "delays"), DELAYS)
def test_delays(policy, delays):
    found = list(itertools.takewhile(lambda delay: delay is not None, map(policy.delay_s, itertools.count(1))))
    assert found == pytest.approx(delays)


def test_mail_is_tried_for_six_hours():
    assert 6 * 3600 < MAIL_RETRIES.total_s < 8 * 3600


REFUSED_POLICIES = [
    ('{"healthyRetryPolicy":{"numRetries":101}}', "numRetries"),
    ('{"healthyRetryPolicy":{"minDelayTarget":0}}', "minDelayTarget"),
    ('{"healthyRetryPolicy":{"minDelayTarget":30}}', "maxDelayTarget"),
    ('{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":3600,"numRetries":3}}', "3600 seconds together"),
    ('{"healthyRetryPolicy":{"numRetries":1,"numNoDelayRetries":2}}', "numRetries"),
    ('{"healthyRetryPolicy":{"backoffFunction":"cubic"}}', "backoffFunction"),
    ('{"throttlePolicy":{"maxReceivesPerSecond":0}}', "maxReceivesPerSecond"),
    ('{"requestPolicy":{"headerContentType":"text/plain\\r\\nX: y"}}', "headerContentType"),
    ('{"nonsense":1}', "nonsense"),
    ("[", "DeliveryPolicy"),
]


@pytest.mark.parametrize(("policy", "message"), REFUSED_POLICIES)
async def test_delivery_policies_that_are_refused(world, policy, message):
    given = {"TopicArn": await world.topic(), "Protocol": "https", "Endpoint": "https://a.example"}
    with pytest.raises(RefusedError, match=message):
        await world.call("Subscribe", **given, Attributes={"DeliveryPolicy": policy})


async def alarm(world, topic, account=ACCOUNT, **more):
    return await world.room.service_publisher.publish(
        account_id=account, topic_arn=topic, subject='ALARM: "x"', message="gone wrong", **more
    )


async def test_services_publish_for_the_account_of_the_topic(world, web_server):
    topic = await world.topic()
    await world.subscribed(topic, web_server)
    message_id = await alarm(world, topic, source_arn=f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:x")
    document = json.loads((await received(web_server, 1))[0].body)
    assert (document["MessageId"], document["Subject"]) == (message_id, 'ALARM: "x"')
    with pytest.raises(ServiceError, match="not authorized to perform: SNS:Publish"):
        await alarm(world, topic, OTHER)
    with pytest.raises(ServiceError, match="Topic does not exist"):
        await alarm(world, topic + "x")


async def test_a_service_that_publishes_again_changes_nothing(world, web_server, clock):
    topic = await world.topic()
    await world.subscribed(topic, web_server)
    for _ in range(2):
        assert await alarm(world, topic, message_id="11111111-2222-3333-4444-555555555555")
        await idle(world)
    assert len(web_server.received) == 1
    clock.now_ms += 25 * 3_600_000
    await world.room.queue.forget_done()
    await alarm(world, topic, message_id="11111111-2222-3333-4444-555555555555")
    await received(web_server, 2)


async def test_a_topic_decides_which_services_publish(world, web_server):
    topic = await world.topic()
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"aws:SourceAccount": OTHER}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await world.call("SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    await alarm(world, topic, OTHER)
    with pytest.raises(ServiceError, match="not authorized"):
        await alarm(world, topic)
