"""What the operations on users, roles, groups, keys and policies share: finding entities, paging, answers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.aws_policies import AWS_ACCOUNT, aws_policies
from groundwatch.identity.iam.errors import (
    already_exists,
    delete_conflict,
    no_such_entity,
    no_such_policy,
    not_attachable,
)
from groundwatch.identity.names import POLICY_ARN
from groundwatch.identity.records import accounts, entities, managed, policies
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.values import Account, Entity, ManagedPolicy, Owner, Role, User

T = TypeVar("T")
EntityT = TypeVar("EntityT", bound=Entity)
Answer = dict[str, object]
DEFAULT_PAGE = 100
TAGS_PER_ENTITY = 50
ALL_NAMES = ""
"""What every name follows: where a list begins."""


class IamBase:
    """Holds what every group of operations works on."""

    def __init__(self, store: IdentityStore, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms

    async def _page_of(
        self, entity: type[Entity], context: RequestContext, path_prefix: str, marker: str | None, max_items: int
    ) -> Answer:
        """Return a page of the account's users, roles or groups below a path, in order of name."""
        page = (read_marker(marker), max_items + 1)
        found = await self._store.read(
            lambda connection: entities.page_by_name(connection, entity, context.account_id, path_prefix, page)
        )
        return page_answer(f"{entity.__name__}s", found, max_items, name_of=name_key, show=entity_answer)

    async def _move(
        self, entity: type[Entity], context: RequestContext, name: str, *, new_name: str | None, new_path: str | None
    ) -> None:
        """Rename or move a user or group; id, keys and policies stay. Raises EntityAlreadyExists for a taken name."""

        def work(connection: Connection) -> None:
            found = require(connection, entity, context.account_id, name)
            wanted = found.name if new_name is None else new_name
            path = found.path if new_path is None else new_path
            try:
                entities.update_entity(connection, found, name=wanted, name_key=wanted.lower(), path=path)
            except IntegrityError as error:
                raise already_exists(entity.__name__.lower(), wanted) from error

        await self._store.write(work)


def create(connection: Connection, entity: Entity, tags: Mapping[str, str]) -> None:
    """Store a new entity with its tags; raise EntityAlreadyExists when the name is taken."""
    # Without authentication a call may come from an account that nothing has set up yet.
    accounts.insert_account(connection, Account(entity.account_id, entity.created_ms))
    try:
        entities.insert_entity(connection, entity)
    except IntegrityError as error:
        if isinstance(entity, ManagedPolicy):
            raise ServiceError(
                "EntityAlreadyExists", f"A policy called {entity.name} already exists. Duplicate names are not allowed."
            ) from error
        raise already_exists(type(entity).__name__, entity.name) from error
    add_tags(connection, entity, tags)


def require(connection: Connection, entity: type[EntityT], account_id: str, name: str) -> EntityT:
    """Return the account's user, role or group; raise NoSuchEntity when there is none."""
    found = entities.find_by_name(connection, entity, account_id, name)
    # An entity of another account reads as one that does not exist.
    if found is None:
        raise no_such_entity(entity.__name__.lower(), name)
    return found


def require_user(connection: Connection, context: RequestContext, name: str | None) -> User:
    """Return the named user, or the caller when no name was given and the caller is a user."""
    if name is not None:
        return require(connection, User, context.account_id, name)
    if context.principal.kind != "User":
        raise ServiceError("ValidationError", "Must specify userName when calling with non-User credentials")
    caller = entities.find_by_id(connection, context.principal.user_id)
    if not isinstance(caller, User):
        raise no_such_entity("user", context.principal.arn.rpartition("/")[2])
    return caller


def require_policy(connection: Connection, account_id: str, policy_arn: str) -> ManagedPolicy:
    """Return the managed policy, one of the account's or of AWS's; raise NoSuchEntity when there is none."""
    named = POLICY_ARN.fullmatch(policy_arn)
    if named is None:
        raise ServiceError("InvalidInput", f"ARN {policy_arn} is not valid.")
    if named[1] == AWS_ACCOUNT:
        known = aws_policies().get(policy_arn)
        found = known.policy if known else None
    else:
        found = entities.find_by_name(connection, ManagedPolicy, account_id, named[3])
    # The ARN of another account's policy, or with another path, names nothing here.
    if found is None or found.arn != policy_arn:
        raise no_such_policy(policy_arn)
    return found


def require_own_policy(connection: Connection, account_id: str, policy_arn: str) -> ManagedPolicy:
    """Return the account's policy as `require_policy` does; raise AccessDenied for one of AWS's."""
    policy = require_policy(connection, account_id, policy_arn)
    if policy.account_id == AWS_ACCOUNT:
        raise ServiceError("AccessDenied", f"{policy_arn} belongs to AWS and cannot be changed.", status=403)
    return policy


def require_attachable(connection: Connection, account_id: str, policy_arn: str) -> str:
    """Return the ARN of a policy that may be attached or made a boundary; raise NoSuchEntity."""
    try:
        return require_policy(connection, account_id, policy_arn).arn
    except ServiceError as error:
        raise (not_attachable(policy_arn) if error.code == "NoSuchEntity" else error) from error


def require_no_policies(connection: Connection, owner: Owner) -> None:
    """Raise DeleteConflict while policies, inline or managed, are attached."""
    if policies.read_policies(connection, owner.id):
        raise delete_conflict("policies")
    if managed.attached_arns(connection, owner.id):
        raise ServiceError("DeleteConflict", "Cannot delete entity, must detach all policies first.")


def encode_document(text: str) -> str:
    """Return a policy document as answers carry it: percent-encoded by RFC 3986."""
    return quote(text, safe="")


def moment(epoch_ms: int) -> datetime:
    """Return the time of an answer, in whole seconds as IAM keeps them."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC)


def read_marker(marker: str | None) -> str:
    """Return the name that a page starts after; empty for the first page."""
    if marker is None:
        return ""
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ServiceError("ValidationError", "Invalid Marker.") from error


def page_answer(
    member: str, found: Sequence[T], max_items: int, *, name_of: Callable[[T], str], show: Callable[[T], object]
) -> Answer:
    """Return one page of `found`, which holds one item more than `max_items` when there is a next page."""
    shown = found[:max_items]
    answer: Answer = {member: [show(item) for item in shown], "IsTruncated": len(found) > max_items}
    if answer["IsTruncated"]:
        answer["Marker"] = marker_of(name_of(shown[-1]))
    return answer


def marker_of(name: str) -> str:
    """Return the marker of the page that starts after a name."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def name_key(entity: Entity) -> str:
    """Return what lists of entities are ordered by."""
    return entity.name.lower()


def tag_list(tags: Mapping[str, str]) -> list[Mapping[str, str]]:
    """Return tags as the model lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def read_tag_list(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Return the model's list of tags as a mapping; raise InvalidInput when a key is given twice, in any case."""
    found = {tag["Key"]: tag["Value"] for tag in tags or ()}
    if len({key.lower() for key in found}) != len(tags or ()):
        raise ServiceError("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return found


def add_tags(connection: Connection, entity: Entity, added: Mapping[str, str]) -> None:
    """Add tags to an entity; raise LimitExceeded beyond fifty."""
    entities.write_tags(connection, entity.id, added)
    if len(entities.read_tags(connection, entity.id)) > TAGS_PER_ENTITY:
        raise ServiceError("LimitExceeded", f"The number of tags has reached the maximum limit of {TAGS_PER_ENTITY}.")


def entity_answer(entity: Entity, tags: Mapping[str, str] | None = None) -> Answer:
    """Return the model's members of a user, role or group; `tags` are left out where the operation shows none."""
    kind = type(entity).__name__
    answer: Answer = {
        "Path": entity.path,
        f"{kind}Name": entity.name,
        f"{kind}Id": entity.id,
        "Arn": entity.arn,
        "CreateDate": moment(entity.created_ms),
    }
    if isinstance(entity, Role):
        answer["AssumeRolePolicyDocument"] = encode_document(entity.trust_policy)
        answer["MaxSessionDuration"] = entity.max_session_s
        if entity.description is not None:
            answer["Description"] = entity.description
    if tags:
        answer["Tags"] = tag_list(tags)
    return answer


def bounded_answer(entity: User | Role, tags: Mapping[str, str]) -> Answer:
    """Return the members of a user or role with tags and boundary, as Create… and Get… show them."""
    answer = entity_answer(entity, tags)
    if entity.boundary_arn is not None:
        answer["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": entity.boundary_arn,
        }
    return answer
