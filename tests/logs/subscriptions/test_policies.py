"""Account policies that subscribe every group, and resource policies."""

import json

import pytest
from tests.refusals import refusal

from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.logs.subscriptions.policies import read_selection

NOW_MS = 1_790_000_000_000
KIND = "SUBSCRIPTION_FILTER_POLICY"
LIMIT = ("LimitExceededException", "Resource limit exceeded.")


def document(context, **changes) -> str:
    account = context.account_id
    members = {
        "DestinationArn": f"arn:aws:kinesis:us-east-1:{account}:stream/s",
        "RoleArn": f"arn:aws:iam::{account}:role/ship",
        "FilterPattern": "",
        "Distribution": "Random",
    } | changes
    return json.dumps({name: value for name, value in members.items() if value is not None})


async def put(operations, context, name: str = "p", **members):
    wanted = {"policy_document": document(context), "policy_type": KIND} | members
    return await operations.put_account_policy(context, policy_name=name, **wanted)


class TestAccountPolicies:
    async def test_one_is_put_replaced_described_and_deleted(self, operations, context, clock):
        criteria = 'LogGroupName NOT IN ["/quiet"]'
        expected = {
            "policyName": "p",
            "policyDocument": document(context),
            "lastUpdatedTime": NOW_MS,
            "policyType": KIND,
            "scope": "ALL",
            "accountId": context.account_id,
        }
        assert await put(operations, context) == {"accountPolicy": expected}
        changed = {"accountPolicy": expected | {"selectionCriteria": criteria}}
        assert await put(operations, context, selection_criteria=criteria) == changed
        described = await operations.describe_account_policies(context, policy_type=KIND)
        assert described == {"accountPolicies": [changed["accountPolicy"]]}
        await operations.delete_account_policy(context, policy_name="p", policy_type=KIND)
        assert await operations.describe_account_policies(context, policy_type=KIND) == {"accountPolicies": []}

    async def test_there_is_one_an_account_and_region(self, operations, context, make_context):
        await put(operations, context)
        assert await refusal(put(operations, context, name="q")) == LIMIT
        await put(operations, make_context())

    @pytest.mark.parametrize(
        ("members", "said"),
        [
            ({"policy_document": "{"}, "policyDocument"),
            ({"policy_document": '{"FilterPattern": ""}'}, "DestinationArn"),
            ({"policy_document": '{"DestinationArn": "x", "Else": 1}'}, "Else"),
            ({"policy_document": "x" * 30_721}, "30720"),
            ({"selection_criteria": 'LogGroupName IN ["a"]'}, "NOT IN"),
            ({"selection_criteria": "LogGroupName NOT IN [a]"}, "NOT IN"),
            ({"selection_criteria": "x" * 25_601}, "25600"),
            ({"name": "aws/p"}, "aws/"),
        ],
        ids=[
            *(
                "no JSON",
                "no destination",
                "unknown member",
                "too long",
                "IN is for other types",
                "names without quotes",
            ),
            *("criteria too long", "reserved name"),
        ],
    )
    async def test_refusals(self, operations, context, members, said):
        code, message = await refusal(put(operations, context, **members))
        assert code == "InvalidParameterException"
        assert said in message

    async def test_vendor_rules_are_those_of_filters(self, operations, context):
        call = put(operations, context, policy_document=document(context, RoleArn=None))
        assert (await refusal(call))[1] == "destinationArn for vendor kinesis cannot be used without roleArn"

    @pytest.mark.parametrize("kind", ["DATA_PROTECTION_POLICY", "RETENTION_POLICY", "TRANSFORMER_POLICY"])
    async def test_other_types_are_refused_by_name(self, operations, context, kind):
        with pytest.raises(NotImplementedByServer, match=kind):
            await put(operations, context, policy_type=kind)
        with pytest.raises(NotImplementedByServer, match=kind):
            await operations.delete_account_policy(context, policy_name="p", policy_type=kind)
        assert await operations.describe_account_policies(context, policy_type=kind) == {"accountPolicies": []}

    async def test_no_token_was_ever_given_out(self, operations, context):
        call = operations.describe_account_policies(context, policy_type=KIND, next_token="x")
        assert (await refusal(call))[1] == "The specified nextToken is invalid."

    async def test_a_missing_policy(self, operations, context):
        missing = ("ResourceNotFoundException", "Policy with name [p] does not exist.")
        call = operations.delete_account_policy(context, policy_name="p", policy_type=KIND)
        assert await refusal(call) == missing
        call = operations.describe_account_policies(context, policy_type=KIND, policy_name="p")
        assert await refusal(call) == missing


@pytest.mark.parametrize("name", ["", "p" * 513], ids=["empty", "513 characters"])
async def test_names_of_policies_fit_an_index(operations, context, name):
    """PostgreSQL refuses an index entry of more than 2,700 bytes; the service model says nothing of the length."""
    calls = (
        put(operations, context, name),
        operations.put_resource_policy(context, policy_name=name, policy_document="{}"),
    )
    for call in calls:
        code, message = await refusal(call)
        assert (code, "policyName" in message) == ("InvalidParameterException", True)


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        (None, set()),
        ("", set()),
        ('LogGroupName NOT IN ["a"]', {"a"}),
        (' LogGroupName  NOT  IN ["a", "/b/c"] ', {"a", "/b/c"}),
        ("LogGroupName NOT IN []", set()),
    ],
)
def test_selection_criteria(criteria, names):
    assert read_selection(criteria) == names


class TestResourcePolicies:
    async def put(self, operations, context, **members):
        return await operations.put_resource_policy(context, policy_document="{}", **members)

    async def test_an_account_policy_in_the_observed_form(self, operations, context):
        policy = {
            "policyDocument": "{}",
            "lastUpdatedTime": NOW_MS,
            "policyScope": "ACCOUNT",
            "policyName": "p",
        }
        assert await self.put(operations, context, policy_name="p") == {"resourcePolicy": policy}
        assert await self.put(operations, context, policy_name="p") == {"resourcePolicy": policy}
        assert await operations.describe_resource_policies(context) == {"resourcePolicies": [policy]}
        await operations.delete_resource_policy(context, policy_name="p")
        assert await operations.describe_resource_policies(context) == {"resourcePolicies": []}

    async def test_ten_an_account(self, operations, context):
        for number in range(10):
            await self.put(operations, context, policy_name=f"p{number}")
        assert await refusal(self.put(operations, context, policy_name="p10")) == LIMIT
        await self.put(operations, context, policy_name="p9")
        page = await operations.describe_resource_policies(context, limit=9)
        rest = await operations.describe_resource_policies(context, limit=9, next_token=page["nextToken"])
        assert [item["policyName"] for item in rest["resourcePolicies"]] == ["p9"]

    async def test_one_is_attached_to_a_group_under_a_revision(self, operations, context):
        await operations.create_log_group(context, log_group_name="g")
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:g"
        first = (await self.put(operations, context, resource_arn=arn))["revisionId"]
        assert (await refusal(self.put(operations, context, resource_arn=arn)))[0] == "InvalidParameterException"
        second = (await self.put(operations, context, resource_arn=arn, expected_revision_id=first))["revisionId"]
        assert await operations.describe_resource_policies(context) == {"resourcePolicies": []}
        (policy,) = (await operations.describe_resource_policies(context, resource_arn=arn))["resourcePolicies"]
        assert (policy["policyScope"], policy["resourceArn"], policy["revisionId"]) == ("RESOURCE", arn, second)
        stale = operations.delete_resource_policy(context, resource_arn=arn, expected_revision_id=first)
        assert (await refusal(stale))[0] == "InvalidParameterException"
        again = self.put(operations, context, resource_arn=arn.replace("arn:aws:", "arn:aws-cn:"))
        assert (await refusal(again))[0] == "InvalidParameterException", "it is the same group"
        await operations.delete_resource_policy(context, resource_arn=arn, expected_revision_id=second)
        scope = await operations.describe_resource_policies(context, policy_scope="RESOURCE")
        assert scope == {"resourcePolicies": []}

    @pytest.mark.parametrize(
        ("members", "code"),
        [
            ({}, "InvalidParameterException"),
            ({"resource_arn": "arn:aws:logs:us-east-1:{}:log-group:none"}, "ResourceNotFoundException"),
            ({"resource_arn": "arn:aws:s3:::bucket"}, "InvalidParameterException"),
            ({"resource_arn": "a"}, "InvalidParameterException"),
        ],
        ids=["no name", "no such group", "not a log group", "a name in place of an ARN"],
    )
    async def test_refusals(self, operations, context, members, code):
        filled = {name: value.format(context.account_id) for name, value in members.items()}
        assert (await refusal(self.put(operations, context, **filled)))[0] == code

    async def test_a_malformed_document(self, operations, context, identity):
        identity.policy_fault = "Syntax errors in policy."
        code, message = await refusal(self.put(operations, context, policy_name="p"))
        assert (code, "Syntax errors" in message) == ("InvalidParameterException", True)

    async def test_a_missing_policy(self, operations, context):
        assert await refusal(operations.delete_resource_policy(context, policy_name="p")) == (
            "ResourceNotFoundException",
            "Policy with name [p] does not exist.",
        )
