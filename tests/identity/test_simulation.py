"""Simulation: the decisions of the evaluator, the statements that they rest on, and the keys that are missing."""

import json
import tracemalloc

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.identity import simulation as deciding
from groundwatch.identity.iam import simulation
from groundwatch.identity.policy.positions import line_and_column, statement_spans

ACCOUNT, OTHER = "111122223333", "444455556666"
GROUP_ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/app/web:*"
READ = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}
DENY = {"Effect": "Deny", "Action": "logs:*", "Resource": "arn:aws:logs:*:*:log-group:/secret/*"}
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


def document(*statements, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, **more)


def entry(name, *values):
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": "string"}


async def custom(world, *statements, action="logs:GetLogEvents", **more):
    answer = await world.iam.simulate_custom_policy(
        world.root(), policy_input_list=[document(*statements)], action_names=[action], **more
    )
    [result] = answer["EvaluationResults"]
    return result


@pytest.mark.parametrize(
    ("statements", "more", "decision"),
    [
        pytest.param([READ], {}, "allowed", id="allowed"),
        pytest.param([READ, DENY], {"resource_arns": [GROUP_ARN]}, "allowed", id="the deny is elsewhere"),
        pytest.param(
            [READ, DENY],
            {"resource_arns": [GROUP_ARN.replace("/app", "/secret")]},
            "explicitDeny",
            id="an explicit deny",
        ),
        pytest.param([READ], {"action": "logs:PutLogEvents"}, "implicitDeny", id="nothing allows"),
        pytest.param(
            [ANY],
            {"permissions_boundary_policy_input_list": [document(READ)], "action": "logs:PutLogEvents"},
            "implicitDeny",
            id="the boundary is silent",
        ),
        pytest.param(
            [ANY],
            {"resource_arns": [GROUP_ARN.replace(ACCOUNT, OTHER)]},
            "implicitDeny",
            id="the resource of another account",
        ),
        pytest.param(
            [ANY],
            {"resource_owner": f"arn:aws:iam::{OTHER}:root"},
            "implicitDeny",
            id="another owner",
        ),
        pytest.param(
            [DENY],
            {
                "resource_policy": document(READ | {"Principal": {"AWS": ALICE}}),
                "caller_arn": ALICE,
                "resource_arns": [GROUP_ARN],
            },
            "allowed",
            id="the resource policy names the caller",
        ),
        pytest.param(
            [READ | {"Condition": {"StringEquals": {"aws:RequestTag/team": "red"}}}],
            {"context_entries": [entry("aws:requesttag/TEAM", "red")]},
            "allowed",
            id="a key that was given",
        ),
    ],
)
async def test_decisions(world, statements, more, decision):
    await world.user("alice")
    assert (await custom(world, *statements, **more))["EvalDecision"] == decision


async def test_matched_statements_are_found_in_the_text(world):
    text = document(DENY, READ, ANY, indent=2)
    answer = await world.iam.simulate_custom_policy(
        world.root(), policy_input_list=[document(DENY), text], action_names=["logs:GetLogEvents"]
    )
    lines = text.split("\n")
    found = []
    for match in answer["EvaluationResults"][0]["MatchedStatements"]:
        start, end = match["StartPosition"], match["EndPosition"]
        assert lines[start["Line"] - 1][start["Column"] - 1] == "{"
        assert lines[end["Line"] - 1][end["Column"] - 2] == "}"
        inner = lines[start["Line"] - 1 : end["Line"]]
        found.append((match["SourcePolicyId"], json.loads("\n".join(inner).strip().rstrip(","))))
    assert found == [("PolicyInputList.2", READ), ("PolicyInputList.2", ANY)]


@pytest.mark.parametrize(
    "text",
    [
        '{"Statement":{"Effect":"Allow"}}',
        '  { "Version" : "2012-10-17" , "Statement" : [ {"Effect":"Allow"} , {"a":[1,{"b":"]}"}]} ] }',
        '{"Statement":[{}],"Id":"x"}',
    ],
)
def test_spans_hold_the_statements(text):
    statements = json.loads(text)["Statement"]
    wanted = statements if isinstance(statements, list) else [statements]
    assert [json.loads(text[span.start : span.end]) for span in statement_spans(text)] == wanted


def test_lines_and_columns_count_from_one():
    assert [line_and_column("ab\nc", offset) for offset in range(4)] == [(1, 1), (1, 2), (1, 3), (2, 1)]


async def test_missing_keys_are_all_named(world):
    conditional = READ | {
        "Resource": "arn:aws:logs:*:*:log-group:/${aws:PrincipalTag/team}/*",
        "Condition": {
            "StringEquals": {"aws:SourceVpc": "v", "logs:key": "x"},
            "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
        },
    }
    other = {"Effect": "Allow", "Action": "sns:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactor": "true"}}}
    result = await custom(world, conditional, other, context_entries=[entry("aws:SourceIp", "203.0.113.7")])
    assert result["EvalDecision"] == "implicitDeny"
    assert result["MissingContextValues"] == ["aws:principaltag/team", "aws:sourcevpc", "logs:key"]
    assert result["MatchedStatements"] == []


async def test_a_principal_is_simulated_with_all_that_is_attached(world, policy):
    root = world.root()
    await world.user("alice", READ)
    await world.iam.create_group(root, group_name="G")
    await world.iam.put_group_policy(root, group_name="G", policy_name="g", policy_document=policy(ANY))
    await world.iam.add_user_to_group(root, group_name="G", user_name="alice")
    await world.iam.attach_user_policy(
        root, user_name="alice", policy_arn="arn:aws:iam::aws:policy/CloudWatchLogsReadOnlyAccess"
    )
    bound = await world.managed("bound", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    await world.iam.put_user_permissions_boundary(root, user_name="alice", permissions_boundary=bound)

    answer = await world.iam.simulate_principal_policy(
        root, policy_source_arn=ALICE, action_names=["logs:GetLogEvents", "iam:CreateUser"]
    )

    read, create = answer["EvaluationResults"]
    assert read["EvalDecision"] == "allowed"
    assert [(match["SourcePolicyId"], match["SourcePolicyType"]) for match in read["MatchedStatements"]] == [
        ("user_alice_test", "user"),
        ("CloudWatchLogsReadOnlyAccess", "aws-managed"),
        ("group_G_g", "group"),
        ("bound", "user-managed"),
    ]
    assert read["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    assert create["EvalDecision"] == "implicitDeny"
    assert create["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


async def test_simulation_and_authorization_agree(world):
    """The same evaluator decides both, so what is simulated is what happens."""
    from groundwatch.aws.context import AccessCheck

    own = READ | {"Resource": "arn:aws:logs:*:*:log-group:/${aws:username}/*"}
    alice = await world.user("alice", own, DENY)
    actions = ["logs:GetLogEvents", "logs:PutLogEvents"]
    resources = [GROUP_ARN.replace("/app", f"/{name}") for name in ("alice", "bob", "secret")]
    answer = await world.iam.simulate_principal_policy(
        world.root(), policy_source_arn=ALICE, action_names=actions, resource_arns=resources
    )
    for result in answer["EvaluationResults"]:
        check = AccessCheck(result["EvalActionName"], result["EvalResourceName"])
        assert (await world.authorizer.decide(alice, check)).outcome == result["EvalDecision"]
    assert len(answer["EvaluationResults"]) == 6


async def test_a_role_and_a_group_as_sources(world, policy):
    root = world.root()
    role = await world.role("R", TRUST, READ, path="/x/")
    await world.iam.create_group(root, group_name="G")
    await world.iam.put_group_policy(root, group_name="G", policy_name="g", policy_document=policy(READ))
    for arn in (role, f"arn:aws:iam::{ACCOUNT}:group/G"):
        answer = await world.iam.simulate_principal_policy(
            root, policy_source_arn=arn, action_names=["logs:GetLogEvents"]
        )
        assert answer["EvaluationResults"][0]["EvalDecision"] == "allowed"


@pytest.mark.parametrize(
    "page_s",
    [pytest.param(None, id="of so many results"), pytest.param(0.0, id="of what can be decided within a time")],
)
async def test_pages(world, monkeypatch, page_s):
    if page_s is not None:
        monkeypatch.setattr(simulation, "PAGE_S", page_s)
    pairs, marker = [], None
    while True:
        page = await world.iam.simulate_custom_policy(
            world.root(),
            policy_input_list=[document(ANY)],
            action_names=["a:A", "b:B"],
            resource_arns=["arn:aws:a:::1", "arn:aws:a:::2"],
            max_items=3,
            marker=marker,
        )
        pairs += [(each["EvalActionName"], each["EvalResourceName"][-1]) for each in page["EvaluationResults"]]
        marker = page.get("Marker")
        if marker is None:
            break
        assert len(page["EvaluationResults"]) == (3 if page_s is None and not pairs[3:] else 1)
    assert pairs == [("a:A", "1"), ("a:A", "2"), ("b:B", "1"), ("b:B", "2")]


async def test_a_marker_that_is_no_number(world):
    # A superscript two is a digit to Python.
    with pytest.raises(ServiceError, match=r"Invalid Marker\."):
        await custom(world, READ, marker="wrI=")


async def test_a_page_takes_no_memory_for_the_pages_behind_it(world):
    tracemalloc.start()
    answer = await world.iam.simulate_custom_policy(
        world.root(),
        policy_input_list=[document(ANY)],
        action_names=["a:A"] * 2_000,
        resource_arns=["arn:aws:a:::1"] * 2_000,
        max_items=1,
    )
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (answer["IsTruncated"], len(answer["EvaluationResults"])) == (True, 1)
    assert peak_bytes < 10_000_000


async def test_the_text_of_a_policy_is_looked_through_once(world, monkeypatch):
    looks = []
    for module in (simulation, deciding):
        if hasattr(module, "statement_spans"):
            monkeypatch.setattr(module, "statement_spans", lambda text: looks.append(text) or statement_spans(text))
    result = await custom(world, *[READ] * 10)
    assert (len(result["MatchedStatements"]), len(looks)) == (10, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"policy_input_list": ["{"]}, "PolicyInputList.1: This policy contains invalid Json"),
        pytest.param({"resource_policy": document(READ)}, "CallerArn is required when ResourcePolicy is given."),
        pytest.param(
            {"resource_policy": document(READ), "caller_arn": ALICE},
            "ResourcePolicy: Missing required field Principal",
        ),
        pytest.param({"caller_arn": "x"}, "Invalid ARN:  x"),
        pytest.param({"context_entries": [{}]}, "A context entry has no ContextKeyName."),
        pytest.param(
            {"permissions_boundary_policy_input_list": [document(READ)] * 2},
            "Only one permissions boundary can be given.",
        ),
        pytest.param(
            {"resource_owner": OTHER},
            "ResourceOwner must be the ARN of an account, such as arn:aws:iam::123456789012:root.",
        ),
    ],
)
async def test_refusal(world, arguments, message):
    given = {"policy_input_list": [document(READ)], "action_names": ["logs:GetLogEvents"]} | arguments
    with pytest.raises(ServiceError) as refusal:
        await world.iam.simulate_custom_policy(world.root(), **given)
    assert (refusal.value.code, refusal.value.message) == ("InvalidInput", message)


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/nobody", "NoSuchEntity"),
        (f"arn:aws:iam::{OTHER}:user/alice", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:policy/alice", "InvalidInput"),
        ("alice-in-a-long-text", "InvalidInput"),
    ],
)
async def test_unknown_sources(world, arn, code):
    await world.user("alice")
    await world.user("alice", account_id=OTHER)
    with pytest.raises(ServiceError) as refusal:
        await world.iam.simulate_principal_policy(world.root(), policy_source_arn=arn, action_names=["logs:Get"])
    assert refusal.value.code == code
