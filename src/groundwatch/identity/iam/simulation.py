"""SimulatePrincipalPolicy and SimulateCustomPolicy: the real evaluator on described circumstances."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.aws_policies import is_aws_policy
from groundwatch.identity.calls import iso_time
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.errors import malformed_document
from groundwatch.identity.names import POLICY_ARN, account_root_arn
from groundwatch.identity.policy.document import PolicyKind, parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.policy.keys import KeyTable
from groundwatch.identity.policy.positions import line_and_column, statement_spans
from groundwatch.identity.policy.principals import ACCOUNT_ROOT, Caller
from groundwatch.identity.records import entities, managed, policies
from groundwatch.identity.simulation import Match, Scene, Source, SourceType, Verdict, simulate
from groundwatch.identity.store import KINDS
from groundwatch.identity.values import Group, Owner, Role, User

ContextEntries = Sequence[Mapping[str, Any]]
SESSION_NAME = "simulation"
PAGE_S = 1.0
"""A page ends after this long, whatever it has: long policies and a thousand results would take hours."""


class SimulationOperations(common.IamBase):
    """Says what the policies would decide; nothing is changed and no service asked."""

    async def simulate_custom_policy(  # noqa: PLR0913 - the members of the model's input
        self,
        context: RequestContext,
        *,
        policy_input_list: Sequence[str],
        action_names: Sequence[str],
        permissions_boundary_policy_input_list: Sequence[str] = (),
        resource_arns: Sequence[str] = ("*",),
        resource_policy: str | None = None,
        resource_owner: str | None = None,
        caller_arn: str | None = None,
        context_entries: ContextEntries = (),
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of decisions on every action and resource under the given policies."""
        if resource_policy is not None and caller_arn is None:
            raise ServiceError("InvalidInput", "CallerArn is required when ResourcePolicy is given.")
        caller = await self._caller(context, caller_arn or account_user_arn(context.account_id))
        scene = Scene(
            caller=caller,
            keys=KeyTable(_given_keys(context_entries)),
            sources=_given_sources("PolicyInputList", policy_input_list),
            boundaries=_given_boundaries(permissions_boundary_policy_input_list),
            resource=_given_resource(resource_policy),
            resource_account=_owner_account(resource_owner),
        )
        return await asyncio.to_thread(_page, scene, action_names, resource_arns, marker, max_items)

    async def simulate_principal_policy(  # noqa: PLR0913 - the members of the model's input
        self,
        context: RequestContext,
        *,
        policy_source_arn: str,
        action_names: Sequence[str],
        policy_input_list: Sequence[str] = (),
        permissions_boundary_policy_input_list: Sequence[str] = (),
        resource_arns: Sequence[str] = ("*",),
        resource_policy: str | None = None,
        resource_owner: str | None = None,
        caller_arn: str | None = None,
        context_entries: ContextEntries = (),
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of decisions under the policies of a user, role or group, and further ones if given.

        What is known of the principal (name, ARN, tags, account) and the time are in the scene; everything else that
        policies ask for must be given.
        """
        owner, sources, boundary, tags = await self._store.read(
            lambda connection: _read_owner(connection, context.account_id, policy_source_arn)
        )
        if isinstance(owner, Group) and resource_policy is not None and caller_arn is None:
            raise ServiceError("InvalidInput", "CallerArn is required when ResourcePolicy is given for a group.")
        caller = await self._caller(context, caller_arn) if caller_arn else _caller_of(owner)
        scene = Scene(
            caller=caller,
            keys=KeyTable(_principal_keys(owner, tags, self._clock_ms()) | _given_keys(context_entries)),
            sources=(*sources, *_given_sources("PolicyInputList", policy_input_list)),
            boundaries=_given_boundaries(permissions_boundary_policy_input_list) or boundary,
            resource=_given_resource(resource_policy),
            resource_account=_owner_account(resource_owner),
        )
        return await asyncio.to_thread(_page, scene, action_names, resource_arns, marker, max_items)

    async def _caller(self, context: RequestContext, caller_arn: str) -> Caller:
        """Return the caller with this ARN; one who does not exist is simulated all the same."""
        parts = caller_arn.split(":", 5)
        if len(parts) < 6 or not parts[4]:
            raise ServiceError("InvalidInput", f"Invalid ARN:  {caller_arn}")
        account_id, kind, name = parts[4], parts[5].partition("/")[0], caller_arn.rpartition("/")[2]
        if kind not in ("user", "role") or account_id != context.account_id:
            return Caller(caller_arn, "User" if kind == "user" else "AssumedRole", account_id)
        found = await self._store.read(
            lambda connection: entities.find_by_name(connection, KINDS[kind], account_id, name)
        )
        known = found if isinstance(found, User | Role) and found.arn == caller_arn else None
        return _caller_of(known) if known else Caller(caller_arn, "User", account_id)


def account_user_arn(account_id: str) -> str:
    """Return the ARN of a user of the account who is nobody in particular."""
    return f"arn:aws:iam::{account_id}:user/{SESSION_NAME}"


def _read_owner(
    connection: Connection, account_id: str, arn: str
) -> tuple[Owner, tuple[Source, ...], tuple[Source, ...], Mapping[str, str]]:
    owner = _find_owner(connection, account_id, arn)
    groups = entities.groups_of(connection, owner.id) if isinstance(owner, User) else ()
    sources = tuple(source for each in (owner, *groups) for source in _sources_of(connection, each))
    boundary: tuple[Source, ...] = ()
    if isinstance(owner, User | Role) and owner.boundary_arn is not None:
        documents = managed.documents(connection, [owner.boundary_arn])
        boundary = tuple(_managed_source(arn, text) for arn, text in documents.items())
    return owner, sources, boundary, entities.read_tags(connection, owner.id)


def _find_owner(connection: Connection, account_id: str, arn: str) -> Owner:
    parts = arn.split(":", 5)
    kind = parts[5].partition("/")[0] if len(parts) > 5 else ""
    if kind not in ("user", "role", "group"):
        raise ServiceError("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    found = entities.find_by_name(connection, KINDS[kind], account_id, arn.rpartition("/")[2])
    if not isinstance(found, Owner) or found.arn != arn:
        raise ServiceError("NoSuchEntity", f"The {kind} with ARN {arn} cannot be found.")
    return found


def _sources_of(connection: Connection, owner: Owner) -> Sequence[Source]:
    kinds: Mapping[type[Owner], SourceType] = {User: "user", Role: "role", Group: "group"}
    kind = kinds[type(owner)]
    inline = policies.read_policies(connection, owner.id)
    named = [_source(f"{kind}_{owner.name}_{name}", kind, text) for name, text in inline.items()]
    attached = managed.attached_documents(connection, [owner.id])
    return [*named, *(_managed_source(arn, text) for arn, text in attached.items())]


def _managed_source(arn: str, text: str) -> Source:
    named = POLICY_ARN.fullmatch(arn)
    return _source(named[3] if named else arn, "aws-managed" if is_aws_policy(arn) else "user-managed", text)


def _given_sources(member: str, texts: Sequence[str]) -> tuple[Source, ...]:
    return tuple(_source(f"{member}.{number}", "none", text) for number, text in enumerate(texts, 1))


def _given_boundaries(texts: Sequence[str]) -> tuple[Source, ...]:
    if len(texts) > 1:
        raise ServiceError("InvalidInput", "Only one permissions boundary can be given.")
    return _given_sources("PermissionsBoundaryPolicyInputList", texts)


def _given_resource(text: str | None) -> Source | None:
    return None if text is None else _source("ResourcePolicy", "resource", text, "resource")


def _source(source_id: str, source_type: SourceType, text: str, kind: PolicyKind = "identity") -> Source:
    try:
        # Read first: the places are those of a text that is known to be a policy.
        policy = parse_policy(text, kind)
        return Source(source_id, source_type, text, policy, statement_spans(text))
    except MalformedPolicyError as error:
        raise malformed_input(source_id, error) from error


def malformed_input(source_id: str, error: MalformedPolicyError) -> ServiceError:
    """Return the refusal of a policy that cannot be simulated, with its name."""
    return ServiceError("InvalidInput", f"{source_id}: {malformed_document(error).message}")


def _caller_of(owner: Owner) -> Caller:
    if isinstance(owner, Role):
        session = f"arn:aws:sts::{owner.account_id}:assumed-role/{owner.name}/{SESSION_NAME}"
        return Caller(session, "AssumedRole", owner.account_id, role_arn=owner.arn, unique_id=owner.id)
    # A group stands for a user in it of whom nothing else is known.
    arn = owner.arn if isinstance(owner, User) else account_user_arn(owner.account_id)
    return Caller(arn, "User", owner.account_id, unique_id=owner.id)


def _principal_keys(owner: Owner, tags: Mapping[str, str], now_ms: int) -> dict[str, Sequence[str]]:
    keys: dict[str, Sequence[str]] = {
        "aws:currenttime": (iso_time(now_ms),),
        "aws:epochtime": (str(now_ms // 1000),),
        "aws:principalaccount": (owner.account_id,),
    }
    if isinstance(owner, Group):
        return keys
    is_user = isinstance(owner, User)
    keys |= {
        "aws:principalarn": (owner.arn,),
        "aws:principaltype": ("User" if is_user else "AssumedRole",),
        "aws:userid": (owner.id if is_user else f"{owner.id}:{SESSION_NAME}",),
        "aws:principalisawsservice": ("false",),
    }
    if is_user:
        keys["aws:username"] = (owner.name,)
    return keys | {f"aws:principaltag/{key.lower()}": (value,) for key, value in tags.items()}


def _given_keys(entries: ContextEntries) -> dict[str, Sequence[str]]:
    if not all("ContextKeyName" in entry for entry in entries):
        raise ServiceError("InvalidInput", "A context entry has no ContextKeyName.")
    return {entry["ContextKeyName"].lower(): tuple(entry.get("ContextKeyValues") or ()) for entry in entries}


def _owner_account(resource_owner: str | None) -> str | None:
    if resource_owner is None:
        return None
    named = ACCOUNT_ROOT.fullmatch(resource_owner)
    if named is None:
        example = account_root_arn("123456789012")
        raise ServiceError("InvalidInput", f"ResourceOwner must be the ARN of an account, such as {example}.")
    return named[1]


def _page(scene: Scene, actions: Sequence[str], resources: Sequence[str], marker: str | None, max_items: int) -> Answer:
    after = common.read_marker(marker)
    if after and not (after.isascii() and after.isdigit()):
        raise ServiceError("ValidationError", "Invalid Marker.")
    start, until_s = int(after or 0), time.monotonic() + PAGE_S
    results: list[Answer] = []
    # Numbers, since all pairs of two lists may be hundreds of millions.
    left = range(len(actions) * len(resources))[start:]
    for number in left[:max_items]:
        action, resource = divmod(number, len(resources))
        results.append(_verdict_answer(simulate(scene, actions[action], resources[resource])))
        if time.monotonic() >= until_s:
            break
    answer: Answer = {"EvaluationResults": results, "IsTruncated": len(results) < len(left)}
    return answer | ({"Marker": common.marker_of(str(start + len(results)))} if answer["IsTruncated"] else {})


def _verdict_answer(verdict: Verdict) -> Answer:
    answer: Answer = {
        "EvalActionName": verdict.action,
        "EvalResourceName": verdict.resource,
        "EvalDecision": verdict.decision.outcome,
        "MatchedStatements": [_match_answer(match) for match in verdict.matches],
        "MissingContextValues": list(verdict.missing_keys),
    }
    if verdict.boundary_allows is not None:
        answer["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": verdict.boundary_allows}
    return answer


def _match_answer(match: Match) -> Answer:
    text = match.source.text
    start, end = (line_and_column(text, offset) for offset in (match.span.start, match.span.end))
    return {
        "SourcePolicyId": match.source.source_id,
        "SourcePolicyType": match.source.source_type,
        "StartPosition": {"Line": start[0], "Column": start[1]},
        "EndPosition": {"Line": end[0], "Column": end[1]},
    }
