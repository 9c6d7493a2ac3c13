"""Decisions beyond the vectors: reasons, principals, and documents that cannot be read."""

import json

import pytest

from groundwatch.identity.policy.document import parse_policy
from groundwatch.identity.policy.evaluate import Decision, PolicyRequest, PolicySet, evaluate
from groundwatch.identity.policy.keys import KeyTable
from groundwatch.identity.policy.library import PolicyLibrary
from groundwatch.identity.policy.principals import Caller

ACCOUNT = "111122223333"
ALICE = Caller(f"arn:aws:iam::{ACCOUNT}:user/alice", "User", ACCOUNT, unique_id="AIDAALICE")
SESSION = Caller(
    f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s", "AssumedRole", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/R", "AROAR"
)
ROOT = Caller(f"arn:aws:iam::{ACCOUNT}:root", "Account", ACCOUNT)
ALLOW = {"Effect": "Allow", "Action": "sns:*", "Resource": "*"}
DENY = ALLOW | {"Effect": "Deny"}


def policy(*statements, kind="identity"):
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), kind)


def decide(caller, policies, account=ACCOUNT, action="sns:Publish"):
    resource = f"arn:aws:sns:us-east-1:{account}:alerts"
    return evaluate(PolicyRequest(caller, action, resource, KeyTable({})), policies)


@pytest.mark.parametrize(
    ("policies", "account", "outcome", "reason"),
    [
        pytest.param(
            PolicySet(),
            ACCOUNT,
            "implicitDeny",
            "because no identity-based policy allows the sns:Publish action",
            id="nothing",
        ),
        pytest.param(
            PolicySet(identity=(policy(ALLOW),), boundary=policy({**ALLOW, "Action": "s3:*"})),
            ACCOUNT,
            "implicitDeny",
            "because no permissions boundary allows the sns:Publish action",
            id="boundary silent",
        ),
        pytest.param(
            PolicySet(identity=(policy(ALLOW),)),
            "444455556666",
            "implicitDeny",
            "because no resource-based policy allows the sns:Publish action",
            id="other account",
        ),
        pytest.param(
            PolicySet(identity=(policy(ALLOW),), trust=True),
            ACCOUNT,
            "implicitDeny",
            "because no role trust policy allows the sns:Publish action",
            id="trust silent",
        ),
        pytest.param(
            PolicySet(identity=(policy(ALLOW), policy(DENY))),
            ACCOUNT,
            "explicitDeny",
            "with an explicit deny in an identity-based policy",
            id="identity denies",
        ),
        pytest.param(
            PolicySet(identity=(policy(ALLOW),), session=(policy(DENY),)),
            ACCOUNT,
            "explicitDeny",
            "with an explicit deny in a session policy",
            id="session denies",
        ),
        pytest.param(
            PolicySet(identity=(policy(ALLOW),), resource=policy(DENY | {"Principal": "*"}, kind="resource")),
            ACCOUNT,
            "explicitDeny",
            "with an explicit deny in a resource-based policy",
            id="resource denies",
        ),
        pytest.param(PolicySet(identity=(policy(ALLOW),)), ACCOUNT, "allowed", "", id="allowed"),
    ],
)
def test_reason(policies, account, outcome, reason):
    decision = decide(ALICE, policies, account)
    assert (decision.outcome, decision.reason("sns:Publish")) == (outcome, reason)


def test_root_needs_no_identity_policy():
    assert decide(ROOT, PolicySet(identity=(policy(DENY),))).allowed


def test_root_elsewhere_needs_the_resource_to_name_its_account():
    named = policy(ALLOW | {"Principal": {"AWS": ACCOUNT}}, kind="resource")
    assert decide(ROOT, PolicySet(resource=named), account="444455556666").allowed
    assert not decide(ROOT, PolicySet(), account="444455556666").allowed


@pytest.mark.parametrize(
    ("caller", "listed", "denied"),
    [
        pytest.param(ALICE, [ALICE.arn], True, id="user without the account"),
        pytest.param(ALICE, [ALICE.arn, ACCOUNT], False, id="user and account"),
        pytest.param(ALICE, [ACCOUNT], True, id="the account does not exempt its users"),
        pytest.param(SESSION, [SESSION.role_arn, ACCOUNT], True, id="role without the session"),
        pytest.param(SESSION, [SESSION.role_arn, SESSION.arn, ACCOUNT], False, id="role, session and account"),
        pytest.param(ROOT, [ACCOUNT], False, id="root"),
    ],
)
def test_not_principal_exempts_who_is_fully_listed(caller, listed, denied):
    resource = policy(DENY | {"NotPrincipal": {"AWS": listed}}, kind="resource")
    decision = decide(caller, PolicySet(identity=(policy(ALLOW),), resource=resource))
    assert (decision == Decision("explicitDeny", "resource")) is denied


def test_an_arn_bound_to_another_id_names_nobody():
    resource = policy(ALLOW | {"Principal": {"AWS": ALICE.arn}}, kind="resource")
    assert decide(ALICE, PolicySet(resource=resource, bindings={ALICE.arn: "AIDAALICE"})).allowed
    assert not decide(ALICE, PolicySet(resource=resource, bindings={ALICE.arn: "AIDAOLD"})).allowed


def test_a_document_that_cannot_be_read_denies_everything():
    library = PolicyLibrary()
    unreadable = library.read('{"Statement": [{"Effect": "Maybe"}]}', "identity")
    assert decide(ALICE, PolicySet(identity=(policy(ALLOW), unreadable))) == Decision("explicitDeny", "identity")
    for kind in ("resource", "trust"):
        policies = PolicySet(identity=(policy(ALLOW),), resource=library.read("?", kind), trust=kind == "trust")
        assert decide(ALICE, policies) == Decision("explicitDeny", kind)


def test_documents_are_parsed_once():
    library = PolicyLibrary()
    text = json.dumps({"Statement": ALLOW})
    assert library.read(text, "identity") is library.read(text, "identity")
    # Blanks, which count for no quota, must not take the server's memory.
    long = text + " " * 100_000
    assert library.read(long, "identity") is not library.read(long, "identity")
