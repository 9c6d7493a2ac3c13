"""AWS Organizations (API version 2016-11-28), as far as it makes and ends accounts: the operators' API for tenants.

The account from the settings is the management account; every other account of this server is a member. CreateAccount
makes a role in the new account that the management account may assume, as the real service does, and through it the
operator makes the tenant's first user. CloseAccount suspends, InviteAccountToOrganization lets a suspended account in
again, RemoveAccountFromOrganization deletes it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.aws.service import AccessRule
from groundwatch.aws.tag_keys import request_tag_keys
from groundwatch.identity.names import ROLE_PREFIX, account_root_arn, new_id
from groundwatch.identity.policy.principals import ACCOUNT_ID
from groundwatch.identity.records import accounts, entities, managed
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.values import Account, Role

Answer = dict[str, object]
ACCESS_ROLE = "OrganizationAccountAccessRole"
ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
ACCOUNT_ID_TAG = "groundwatch:account-id"
"""The tag of CreateAccount that chooses the new account's number; without it the number is random."""
PAGE = 20
ROLE_SESSION_S = 3600
REQUEST_PREFIX = "car-"
MUST_STAY = "ACCOUNT_CANNOT_LEAVE_ORGANIZATION"
UNKNOWN_EMAIL = "unknown@groundwatch.invalid"
"""Shown for accounts that no operator made: the model has an address for each, and these have none."""
# What each operation is checked against: one account by this member of the input, or everything.
TARGETS: Mapping[str, str | None] = {
    "CreateAccount": None,
    "DescribeCreateAccountStatus": None,
    "DescribeOrganization": None,
    "ListAccounts": None,
    "DescribeAccount": "AccountId",
    "CloseAccount": "AccountId",
    "RemoveAccountFromOrganization": "AccountId",
    "InviteAccountToOrganization": "Target",
}


def organizations_access(operator_account: str) -> AccessRule:
    """Return the rule: principals of the operator's account need a policy that allows, all others are refused."""

    def rule(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
        if context.account_id != operator_account:
            raise ServiceError("AccessDeniedException", "You don't have permissions to access this resource.")
        if operation not in TARGETS:
            raise NotImplementedByServer(operation)
        member = TARGETS[operation]
        if member is None:
            return [AccessCheck(f"organizations:{operation}", "*", request_tag_keys(params))]
        account_id = params[member]["Id"] if member == "Target" else params[member]
        return [AccessCheck(f"organizations:{operation}", account_arn(operator_account, account_id))]

    return rule


def account_arn(operator_account: str, account_id: str) -> str:
    """Return the ARN of an account as a member of the operator's organization."""
    return f"arn:aws:organizations::{operator_account}:account/{organization_id(operator_account)}/{account_id}"


def organization_id(operator_account: str) -> str:
    """Return the id of the one organization of this server."""
    return f"o-{operator_account}"


class OrganizationsOperations:
    """Accounts as tenants. Permission to call is checked before, by `organizations_access`."""

    def __init__(
        self,
        store: IdentityStore,
        clock_ms: Callable[[], int],
        *,
        operator_account: str,
        tenant_tables: Sequence[Table] = (),
    ) -> None:
        """`tenant_tables` are the tables, with a column `account_id`, in which an account's data would be left."""
        self._store = store
        self._clock_ms = clock_ms
        self._operator = operator_account
        self._tenant_tables = tenant_tables

    async def describe_organization(self, context: RequestContext) -> Answer:  # noqa: ARG002 - an operation
        """Return the organization: this server under the operator's account."""
        organization = organization_id(self._operator)
        return {
            "Organization": {
                "Id": organization,
                "Arn": f"arn:aws:organizations::{self._operator}:organization/{organization}",
                "FeatureSet": "CONSOLIDATED_BILLING",
                "MasterAccountArn": account_arn(self._operator, self._operator),
                "MasterAccountId": self._operator,
            }
        }

    async def create_account(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        account_name: str,
        email: str,
        role_name: str = ACCESS_ROLE,
        tags: Sequence[Mapping[str, str]] = (),
    ) -> Answer:
        """Create an account with a role that the operator's account may assume; it is ready with the answer."""
        chosen = _chosen_id(tags)
        now_ms = self._clock_ms()

        def work(connection: Connection) -> Account | None:
            if accounts.has_email(connection, email):
                return None
            account = Account(chosen or _free_id(connection), now_ms, account_name, email)
            if not accounts.insert_account(connection, account):
                raise ServiceError("InvalidInputException", f"The account {account.account_id} exists already.")
            self._add_role(connection, account, role_name)
            return account

        account = await self._store.write(work)
        return {"CreateAccountStatus": _failure(account_name, now_ms) if account is None else _creation(account)}

    async def describe_create_account_status(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        create_account_request_id: str,
    ) -> Answer:
        """Return that the account of a request is there; failed requests are told in their own answer only."""
        account_id = create_account_request_id.removeprefix(REQUEST_PREFIX)
        account = await self._store.read(lambda connection: accounts.find_account(connection, account_id))
        if account is None or account.name is None:
            message = f"No request to create an account has the id {create_account_request_id}."
            raise ServiceError("CreateAccountStatusNotFoundException", message)
        return {"CreateAccountStatus": _creation(account)}

    async def list_accounts(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        next_token: str | None = None,
        max_results: int = PAGE,
    ) -> Answer:
        """Return a page of all accounts in order of number."""
        if next_token is not None and not ACCOUNT_ID.fullmatch(next_token):
            raise ServiceError("InvalidInputException", "The NextToken is not one that ListAccounts gave.")
        found = await self._store.read(
            lambda connection: accounts.page_accounts(connection, next_token or "", max_results + 1)
        )
        answer: Answer = {"Accounts": [self._account_answer(account) for account in found[:max_results]]}
        if len(found) > max_results:
            answer["NextToken"] = found[max_results - 1].account_id
        return answer

    async def describe_account(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        account_id: str,
    ) -> Answer:
        """Return an account."""
        account = await self._store.read(lambda connection: _require(connection, account_id))
        return {"Account": self._account_answer(account)}

    async def close_account(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        account_id: str,
    ) -> None:
        """Suspend an account: its keys, sessions and roles are refused from the next request on; its data stays."""

        def work(connection: Connection) -> None:
            if account_id == self._operator:
                raise _constraint("The operator's account cannot be closed.", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
            if _require(connection, account_id).status == "SUSPENDED":
                raise ServiceError("AccountAlreadyClosedException", "The account is closed already.")
            accounts.set_status(connection, account_id, "SUSPENDED")

        await self._store.write(work)

    async def invite_account_to_organization(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        target: Mapping[str, str],
    ) -> Answer:
        """Let a suspended account in again; it need not accept, and its keys count from the next request on."""
        if target["Type"] != "ACCOUNT":
            raise NotImplementedByServer(f"An invitation to a target of type {target['Type']}")
        account_id, now_s = target["Id"], self._clock_ms() / 1000

        def work(connection: Connection) -> None:
            if _require(connection, account_id).status == "ACTIVE":
                message = "The account is a member of the organization already."
                members = {"Reason": "ALREADY_IN_AN_ORGANIZATION"}
                raise ServiceError("HandshakeConstraintViolationException", message, members=members)
            accounts.set_status(connection, account_id, "ACTIVE")

        await self._store.write(work)
        organization = organization_id(self._operator)
        handshake = f"h-{secrets.token_hex(8)}"
        return {
            "Handshake": {
                "Id": handshake,
                "Arn": f"arn:aws:organizations::{self._operator}:handshake/{organization}/invite/{handshake}",
                "Parties": [{"Id": organization[2:], "Type": "ORGANIZATION"}, {"Id": account_id, "Type": "ACCOUNT"}],
                "State": "ACCEPTED",
                "RequestedTimestamp": now_s,
                "ExpirationTimestamp": now_s,
                "Action": "INVITE",
            }
        }

    async def remove_account_from_organization(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        account_id: str,
    ) -> None:
        """Delete a suspended account that has no data any more, with its users, roles, policies and keys."""

        def work(connection: Connection) -> None:
            if account_id == self._operator:
                message = "The operator's account cannot be removed."
                raise ServiceError("MasterCannotLeaveOrganizationException", message)
            if _require(connection, account_id).status != "SUSPENDED":
                raise _constraint("The account is active; close it first (groundwatch account disable).", MUST_STAY)
            left = accounts.tables_in_use(connection, account_id, self._tenant_tables)
            if left:
                named = ", ".join(name.replace("_", " ") for name in left)
                message = f"The account still has {named}. Enable it again and delete these first."
                raise _constraint(message, MUST_STAY)
            accounts.delete_passing(connection, account_id, self._tenant_tables)
            accounts.delete_account(connection, account_id)

        await self._store.write(work)

    def _add_role(self, connection: Connection, account: Account, role_name: str) -> None:
        role = Role(
            id=new_id(ROLE_PREFIX),
            account_id=account.account_id,
            name=role_name,
            path="/",
            created_ms=account.created_ms,
            description="Lets the operator of the server into the account.",
            max_session_s=ROLE_SESSION_S,
            trust_policy=_trust(self._operator),
            trust_bindings={},
        )
        entities.insert_entity(connection, role)
        managed.attach(connection, role.id, ADMINISTRATOR_ACCESS)

    def _account_answer(self, account: Account) -> Answer:
        return {
            "Id": account.account_id,
            "Arn": account_arn(self._operator, account.account_id),
            "Name": account.name or account.account_id,
            "Email": account.email or UNKNOWN_EMAIL,
            "Status": account.status,
            "State": account.status,
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": account.created_ms / 1000,
        }


def _trust(operator_account: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": account_root_arn(operator_account)},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _require(connection: Connection, account_id: str) -> Account:
    account = accounts.find_account(connection, account_id)
    if account is None:
        raise ServiceError("AccountNotFoundException", f"There is no account {account_id}.")
    return account


def _chosen_id(tags: Sequence[Mapping[str, str]]) -> str | None:
    named = {tag["Key"]: tag["Value"] for tag in tags}
    chosen = named.pop(ACCOUNT_ID_TAG, None)
    if named:
        raise NotImplementedByServer("Tagging accounts")
    if chosen is not None and not ACCOUNT_ID.fullmatch(chosen):
        raise ServiceError("InvalidInputException", f"The tag {ACCOUNT_ID_TAG} must have twelve digits.")
    return chosen


def _free_id(connection: Connection) -> str:
    while True:
        # Without a leading zero, which spreadsheets and YAML lose.
        account_id = str(10**11 + secrets.randbelow(9 * 10**11))
        if accounts.find_account(connection, account_id) is None:
            return account_id


def _creation(account: Account) -> Answer:
    return {
        "Id": REQUEST_PREFIX + account.account_id,
        "AccountName": account.name,
        "State": "SUCCEEDED",
        "RequestedTimestamp": account.created_ms / 1000,
        "CompletedTimestamp": account.created_ms / 1000,
        "AccountId": account.account_id,
    }


def _failure(account_name: str, now_ms: int) -> Answer:
    return {
        "Id": REQUEST_PREFIX + secrets.token_hex(16),
        "AccountName": account_name,
        "State": "FAILED",
        "RequestedTimestamp": now_ms / 1000,
        "CompletedTimestamp": now_ms / 1000,
        "FailureReason": "EMAIL_ALREADY_EXISTS",
    }


def _constraint(message: str, reason: str) -> ServiceError:
    return ServiceError("ConstraintViolationException", message, members={"Reason": reason})
