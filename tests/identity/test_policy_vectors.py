"""Every row of `policy_vectors.json`: policies, request and what IAM answers."""

import json
from pathlib import Path

import pytest

from groundwatch.identity.policy.document import PolicyKind, parse_policy
from groundwatch.identity.policy.evaluate import PolicyRequest, PolicySet, evaluate
from groundwatch.identity.policy.keys import KeyTable
from groundwatch.identity.policy.principals import Caller

VECTORS = json.loads(Path(__file__).with_name("policy_vectors.json").read_text())


def caller(principal: str, context: dict[str, object]) -> Caller:
    if principal == "anonymous":
        return Caller(arn="anonymous", kind="Anonymous", account_id="")
    if not principal.startswith("arn:"):
        return Caller(arn=principal, kind="Service", account_id="")
    account_id = principal.split(":")[4]
    if ":assumed-role/" in principal:
        role = context.get("aws:PrincipalArn")
        return Caller(arn=principal, kind="AssumedRole", account_id=account_id, role_arn=str(role) if role else None)
    kind = "Account" if principal.endswith(":root") else "User"
    return Caller(arn=principal, kind=kind, account_id=account_id)


def policies(vector: dict) -> PolicySet:
    trust = vector["action"].startswith("sts:AssumeRole")
    resource, boundary = vector["resourcePolicy"], vector.get("permissionsBoundary")
    kind: PolicyKind = "trust" if trust else "resource"
    return PolicySet(
        identity=tuple(parse_policy(json.dumps(policy), "identity") for policy in vector["policies"]),
        resource=parse_policy(json.dumps(resource), kind) if resource else None,
        boundary=parse_policy(json.dumps(boundary), "identity") if boundary else None,
        session=tuple(parse_policy(json.dumps(policy), "identity") for policy in vector.get("sessionPolicies", [])),
        trust=trust,
    )


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["note"] for vector in VECTORS])
def test_vector(vector):
    request = PolicyRequest(
        caller=caller(vector["principal"], vector["context"]),
        action=vector["action"],
        resource=vector["resource"],
        keys=KeyTable(vector["context"]),
    )

    decision = evaluate(request, policies(vector))

    assert decision.outcome == vector["expected"]
    assert (decision.policy_type is None) == decision.allowed


def test_the_whole_file_is_run():
    assert len(VECTORS) == 193
