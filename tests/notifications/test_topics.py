"""Topics: making them, what they are set to, who may use them, and how they are listed."""

import json

import pytest
from tests.notifications.conftest import ACCOUNT, OTHER, RefusedError

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.identity.iam.operations import IamOperations

ROOT = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "Account", ACCOUNT)
ARN = f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts"


async def test_a_topic_is_made_once(world):
    assert await world.topic() == ARN
    assert await world.topic(DisplayName="") == ARN
    assert await world.topic(account=OTHER) == ARN.replace(ACCOUNT, OTHER)
    assert (await world.call("ListTopics"))["Topics"] == [{"TopicArn": ARN}]


REFUSED = [
    # operation, members, code, message
    pytest.param("CreateTopic", {"Name": "a b"}, "InvalidParameter", "Invalid parameter: Topic Name", id="name"),
    pytest.param("CreateTopic", {"Name": "x" * 257}, "InvalidParameter", "Invalid parameter: Topic Name", id="long"),
    pytest.param(
        "CreateTopic", {"Name": "a.fifo"}, "NotImplementedException", "A FIFO topic is not implemented", id="fifo"
    ),
    pytest.param(
        "CreateTopic",
        {"Name": "alerts", "Attributes": {"DisplayName": "x"}},
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
        id="other attributes",
    ),
    pytest.param(
        "CreateTopic",
        {"Name": "alerts", "Tags": [{"Key": "a", "Value": "b"}]},
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
        id="other tags",
    ),
    pytest.param(
        "CreateTopic",
        {"Name": "new", "Attributes": {"KmsMasterKeyId": "alias/aws/sns"}},
        "NotImplementedException",
        "The topic attribute KmsMasterKeyId is not implemented",
        id="encryption",
    ),
    pytest.param(
        "CreateTopic",
        {"Name": "new", "Attributes": {"Nonsense": "x"}},
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Unknown attribute Nonsense",
        id="unknown attribute",
    ),
    pytest.param(
        "CreateTopic",
        {"Name": "new", "DataProtectionPolicy": "{}"},
        "NotImplementedException",
        "CreateTopic.DataProtectionPolicy is not implemented",
        id="data protection",
    ),
    pytest.param("GetTopicAttributes", {"TopicArn": ARN + "x"}, "NotFound", "Topic does not exist", id="no topic"),
    pytest.param(
        "GetTopicAttributes",
        {"TopicArn": "bad"},
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
        id="no ARN",
    ),
    pytest.param(
        "GetTopicAttributes",
        {"TopicArn": ARN.replace("us-east-1", "eu-west-1")},
        "InvalidParameter",
        "Invalid parameter: TopicArn",
        id="another region",
    ),
    pytest.param(
        "SetTopicAttributes",
        {"TopicArn": ARN, "AttributeName": "Nonsense", "AttributeValue": "x"},
        "InvalidParameter",
        "Invalid parameter: AttributeName",
        id="set the unknown",
    ),
    pytest.param(
        "SetTopicAttributes",
        {"TopicArn": ARN, "AttributeName": "Policy", "AttributeValue": "{}"},
        "InvalidParameter",
        "Invalid parameter: Policy Error",
        id="no policy",
    ),
    pytest.param(
        "SetTopicAttributes",
        {"TopicArn": ARN, "AttributeName": "SignatureVersion", "AttributeValue": "3"},
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: SignatureVersion: Invalid value [3]. Must be 1 or 2.",
        id="signature version",
    ),
    pytest.param(
        "SetTopicAttributes",
        {"TopicArn": ARN, "AttributeName": "MaximumMessageSize", "AttributeValue": "1023"},
        "InvalidParameter",
        "Invalid parameter: MaximumMessageSize",
        id="message size",
    ),
    pytest.param(
        "SetTopicAttributes",
        {"TopicArn": ARN, "AttributeName": "MaximumMessageSize", "AttributeValue": f"000002048{'9' * 5000}"},
        "InvalidParameter",
        "Invalid parameter: MaximumMessageSize",
        id="message size with a likely beginning",
    ),
    pytest.param(
        "SetTopicAttributes",
        {"TopicArn": ARN, "AttributeName": "HTTPFailureFeedbackRoleArn", "AttributeValue": "arn:x"},
        "NotImplementedException",
        "The topic attribute HTTPFailureFeedbackRoleArn",
        id="feedback",
    ),
    pytest.param(
        "SetTopicAttributes",
        {"TopicArn": ARN, "AttributeName": "DeliveryPolicy", "AttributeValue": '{"http":{"x":1}}'},
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: DeliveryPolicy: ",
        id="delivery policy",
    ),
    pytest.param(
        "ListTopics", {"NextToken": "nonsense"}, "InvalidParameter", "Invalid parameter: NextToken", id="token"
    ),
    pytest.param(
        "TagResource",
        {"ResourceArn": ARN + "x", "Tags": [{"Key": "a", "Value": "b"}]},
        "ResourceNotFound",
        "Resource does not exist",
        id="tag nothing",
    ),
    pytest.param(
        "TagResource",
        {"ResourceArn": ARN, "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
        "TagLimitExceeded",
        "50 tags",
        id="tags",
    ),
    pytest.param(
        "AddPermission",
        {"TopicArn": ARN, "Label": "l", "AWSAccountId": [OTHER], "ActionName": ["Fly"]},
        "InvalidParameter",
        "Invalid parameter: Policy statement action out of service scope!",
        id="unknown action",
    ),
    pytest.param(
        "RemovePermission", {"TopicArn": ARN, "Label": "l"}, "InvalidParameter", "Invalid parameter: Label", id="label"
    ),
    pytest.param("OptInPhoneNumber", {"phoneNumber": "1"}, "NotImplementedException", "OptInPhoneNumber", id="sms"),
]


@pytest.mark.parametrize(("operation", "members", "code", "message"), REFUSED)
async def test_refusals(world, operation, members, code, message):
    await world.topic()
    with pytest.raises(RefusedError) as refused:
        await world.call(operation, **members)
    assert refused.value.code == code
    assert message in refused.value.message


async def test_attributes(world):
    topic = await world.topic(DisplayName="Alerts", SignatureVersion="2", FifoTopic="false")
    before = (await world.call("GetTopicAttributes", TopicArn=topic))["Attributes"]
    assert before["DisplayName"] == "Alerts"
    assert before["Owner"] == ACCOUNT
    assert before["SubscriptionsConfirmed"] == before["SubscriptionsPending"] == before["SubscriptionsDeleted"] == "0"
    assert json.loads(before["Policy"])["Id"] == "__default_policy_ID"
    assert json.loads(before["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    assert "FifoTopic" not in before
    await world.call("SetTopicAttributes", TopicArn=topic, AttributeName="DisplayName", AttributeValue="")
    policy = json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 7}}})
    await world.call("SetTopicAttributes", TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=policy)
    after = (await world.call("GetTopicAttributes", TopicArn=topic))["Attributes"]
    assert after["DisplayName"] == ""
    assert after["DeliveryPolicy"] == policy
    assert json.loads(after["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 7


async def test_pages(world):
    names = [f"t{number:03d}" for number in range(101)]
    for name in names:
        await world.topic(name)
    first = await world.call("ListTopics")
    second = await world.call("ListTopics", NextToken=first["NextToken"])
    assert [topic["TopicArn"].rpartition(":")[2] for topic in first["Topics"] + second["Topics"]] == names
    assert "NextToken" not in second
    with pytest.raises(RefusedError, match="NextToken"):
        await world.call("ListSubscriptions", NextToken=first["NextToken"])


async def test_deleting_again_is_no_error(world):
    topic = await world.topic()
    await world.call("DeleteTopic", TopicArn=topic)
    await world.call("DeleteTopic", TopicArn=topic)
    with pytest.raises(RefusedError, match="NotFound"):
        await world.call("GetTopicAttributes", TopicArn=topic)


async def test_tags(world):
    topic = (await world.call("CreateTopic", Name="tagged", Tags=[{"Key": "a", "Value": "1"}]))["TopicArn"]
    await world.call("TagResource", ResourceArn=topic, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    await world.call("UntagResource", ResourceArn=topic, TagKeys=["b", "c"])
    assert (await world.call("ListTagsForResource", ResourceArn=topic))["Tags"] == [{"Key": "a", "Value": "3"}]


async def test_permissions_let_other_accounts_in(world):
    topic = await world.topic()
    admin = Principal(OTHER, f"arn:aws:iam::{OTHER}:root", "Account", OTHER)
    with pytest.raises(RefusedError) as refused:
        await world.call("Publish", as_=admin, TopicArn=topic, Message="x")
    assert (refused.value.status, refused.value.code) == (403, "AuthorizationError")
    assert refused.value.message == (
        f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: SNS:Publish on resource: {topic} because no "
        "resource-based policy allows the SNS:Publish action"
    )
    await world.call("AddPermission", TopicArn=topic, Label="let", AWSAccountId=[OTHER], ActionName=["Publish"])
    await world.call("Publish", as_=admin, TopicArn=topic, Message="x")
    with pytest.raises(RefusedError, match="Statement already exists"):
        await world.call("AddPermission", TopicArn=topic, Label="let", AWSAccountId=[OTHER], ActionName=["Publish"])
    with pytest.raises(RefusedError, match="SNS:Subscribe"):
        await world.call("Subscribe", as_=admin, TopicArn=topic, Protocol="https", Endpoint="https://a.example")
    await world.call("RemovePermission", TopicArn=topic, Label="let")
    with pytest.raises(RefusedError, match="AuthorizationError"):
        await world.call("Publish", as_=admin, TopicArn=topic, Message="x")


def statements(count, size=0):
    one = {"Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": "x" * size or "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [one | {"Resource": f"arn:{one['Resource']}"}] * count})


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        pytest.param(statements(101), "more than 100 statements", id="statements"),
        pytest.param(statements(2, 16_000), "more than 30 KB", id="bytes"),
    ],
)
async def test_a_policy_has_an_end(world, policy, why):
    with pytest.raises(RefusedError, match=why):
        await world.topic("new", Policy=policy)
    topic = await world.topic()
    set_policy = {"TopicArn": topic, "AttributeName": "Policy"}
    with pytest.raises(RefusedError, match=why):
        await world.call("SetTopicAttributes", **set_policy, AttributeValue=policy)
    await world.call("SetTopicAttributes", **set_policy, AttributeValue=statements(100))
    with pytest.raises(RefusedError, match="more than 100 statements"):
        await world.call("AddPermission", TopicArn=topic, Label="let", AWSAccountId=[OTHER], ActionName=["Publish"])


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("Publish", {"Message": "x"}),
        ("GetTopicAttributes", {}),
        ("DeleteTopic", {}),
        ("ListSubscriptionsByTopic", {}),
        ("Subscribe", {"Protocol": "https", "Endpoint": "https://a.example"}),
    ],
)
async def test_topics_of_others_cannot_be_told_from_none(world, operation, members):
    topic = await world.topic()
    answers = set()
    for arn in (topic, topic + "x"):
        with pytest.raises(RefusedError) as refused:
            await world.call(operation, OTHER, TopicArn=arn, **members)
        answers.add((refused.value.code, refused.value.message.replace(arn, "")))
    assert len(answers) == 1
    assert answers.pop()[0] == "AuthorizationError"


async def test_a_policy_may_deny_its_own_account(world):
    topic = await world.topic()
    deny = {"Effect": "Deny", "Principal": "*", "Action": "SNS:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    await world.call("SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    with pytest.raises(RefusedError, match="with an explicit deny in a resource-based policy"):
        await world.call("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=[{"Id": "1", "Message": "x"}])


async def test_conditions_see_endpoints_and_tags(world):
    topic = (await world.call("CreateTopic", Name="alerts", Tags=[{"Key": "team", "Value": "red"}]))["TopicArn"]
    iam = IamOperations(world.identity, world.clock)
    root = RequestContext(ACCOUNT, "us-east-1", "r", ROOT, "127.0.0.1", "test", secure=True, received_ms=0)
    user = (await iam.create_user(root, user_name="ops"))["User"]
    allow = {"Effect": "Allow", "Action": "sns:*", "Resource": "*"}
    statements = [
        allow | {"Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}},
        {
            "Effect": "Deny",
            "Action": "sns:Subscribe",
            "Resource": "*",
            "Condition": {"StringNotLike": {"sns:Endpoint": "https://*.example.com/*"}},
        },
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    await iam.put_user_policy(root, user_name="ops", policy_name="p", policy_document=document)
    ops = Principal(ACCOUNT, user["Arn"], "User", user["UserId"])
    given = {"TopicArn": topic, "Protocol": "https"}
    await world.call("Subscribe", as_=ops, Endpoint="https://a.example.com/x", **given)
    with pytest.raises(RefusedError, match="with an explicit deny in an identity-based policy"):
        await world.call("Subscribe", as_=ops, Endpoint="https://evil.example/x", **given)
    await world.call("UntagResource", ResourceArn=topic, TagKeys=["team"])
    with pytest.raises(RefusedError, match="no identity-based policy allows"):
        await world.call("Publish", as_=ops, TopicArn=topic, Message="x")


async def test_resources_that_are_no_topics_have_neither_policy_nor_tags(world):
    assert await world.room.policies.policy_of("arn:aws:sns:us-east-1:1:a:b:c") is None
    assert await world.room.tags.tags_of(None, "arn:aws:sns:x") == {}
