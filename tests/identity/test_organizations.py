"""Accounts as tenants: made, listed, suspended, let in again and deleted, by operators alone."""

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, select

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.identity.organizations import OrganizationsOperations, organizations_access
from groundwatch.identity.records.accounts import tenant_tables
from groundwatch.identity.store import IdentityStore
from groundwatch.storage.tables import identity, metadata
from groundwatch.storage.tables.queries import queries, query_results

OPERATOR, OTHER = "111122223333", "444455556666"
NEW = "777788889999"
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}
GATEWAY = "apigateway.amazonaws.com"
TAGS = [{"Key": "groundwatch:account-id", "Value": NEW}]


@pytest.fixture
def root(world):
    return world.root()


async def create(world, name="acme", **more):
    arguments = {"account_name": name, "email": f"{name}@example.org", "tags": TAGS} | more
    return (await world.organizations.create_account(world.root(), **arguments))["CreateAccountStatus"]


async def enter(world, account_id=NEW):
    """Return the context of the operator inside the account, through the role that it was made with."""
    operator = await world.user("operator", ANY)
    arn = f"arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole"
    made = await world.sts.assume_role(operator, role_arn=arn, role_session_name="s1")
    return await world.signed(made["Credentials"]["AccessKeyId"])


async def test_an_account_from_creation_to_end(world, root):
    status = await create(world)
    described = await world.organizations.describe_create_account_status(root, create_account_request_id=status["Id"])
    account = (await world.organizations.describe_account(root, account_id=NEW))["Account"]
    inside = await enter(world)
    await world.authorizer.authorize(inside, [AccessCheck("iam:CreateUser", f"arn:aws:iam::{NEW}:user/x")])
    await world.organizations.close_account(root, account_id=NEW)
    closed = (await world.organizations.describe_account(root, account_id=NEW))["Account"]
    await world.organizations.remove_account_from_organization(root, account_id=NEW)

    assert (status["State"], status["AccountId"], status["AccountName"]) == ("SUCCEEDED", NEW, "acme")
    assert described["CreateAccountStatus"] == status
    assert (account["Name"], account["Email"], account["Status"]) == ("acme", "acme@example.org", "ACTIVE")
    assert account["Arn"] == f"arn:aws:organizations::{OPERATOR}:account/o-{OPERATOR}/{NEW}"
    assert inside.account_id == NEW
    assert (closed["Status"], closed["State"]) == ("SUSPENDED", "SUSPENDED")
    with pytest.raises(ServiceError, match=f"There is no account {NEW}"):
        await world.organizations.describe_account(root, account_id=NEW)
    # Nothing of it is left, so the number can be given again.
    assert (await create(world))["State"] == "SUCCEEDED"


async def test_only_the_operators_account_may_enter(world):
    await create(world)
    arn = f"arn:aws:iam::{NEW}:role/OrganizationAccountAccessRole"
    stranger = await world.user("eve", ANY, account_id=OTHER)
    powerless = await world.user("powerless")
    for caller in (stranger, powerless):
        with pytest.raises(ServiceError, match="not authorized to perform: sts:AssumeRole"):
            await world.sts.assume_role(caller, role_arn=arn, role_session_name="s1")


async def test_a_random_number(world):
    first, second = await create(world, "a", tags=()), await create(world, "b", tags=())
    assert len({first["AccountId"], second["AccountId"], OPERATOR, OTHER}) == 4
    assert all(len(made["AccountId"]) == 12 and made["AccountId"].isdigit() for made in (first, second))


async def test_a_taken_address_fails_and_makes_nothing(world, root):
    await create(world)
    before = await world.organizations.list_accounts(root)
    status = await create(world, tags=())
    assert (status["State"], status["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    assert await world.organizations.list_accounts(root) == before
    with pytest.raises(ServiceError) as missing:
        await world.organizations.describe_create_account_status(root, create_account_request_id=status["Id"])
    assert missing.value.code == "CreateAccountStatusNotFoundException"


async def test_pages_of_accounts(world, root):
    for name in ("a", "b"):
        await create(world, name, tags=())
    found, token = [], None
    while True:
        page = await world.organizations.list_accounts(root, max_results=1, next_token=token)
        found += [account["Id"] for account in page["Accounts"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert found == sorted(found)
    assert len(found) == 4


async def test_another_node_knows_within_a_second_who_is_suspended(world, root):
    await create(world)
    other = IdentityStore(world.database, world.clock)
    assert await other.is_active(NEW) is True
    await world.organizations.close_account(root, account_id=NEW)
    world.clock.now_ms += 1000
    assert await other.is_active(NEW) is False
    assert await other.is_active("999999999999") is False


async def test_a_suspended_account_has_no_keys_sessions_or_roles(world, root, policy):
    await create(world)
    inside = await enter(world)
    await world.iam.create_user(inside, user_name="owner")
    key = (await world.iam.create_access_key(inside, user_name="owner"))["AccessKey"]["AccessKeyId"]
    trust = {"Effect": "Allow", "Principal": {"Service": GATEWAY}, "Action": "sts:AssumeRole"}
    arn = await world.role("Gateway", trust, account_id=NEW)
    role = {"account_id": NEW, "session_name": "s", "source_arn": None}
    assert await world.assumer.assume_for_service(arn, GATEWAY, **role)

    await world.organizations.close_account(root, account_id=NEW)

    assert await world.store.is_active(NEW) is False
    assert await world.store.find_credential(key) is None
    assert await world.store.find_credential(inside.principal.access_key_id) is None
    with pytest.raises(ServiceError, match="is not authorized to perform: sts:AssumeRole"):
        await world.assumer.assume_for_service(arn, GATEWAY, **role)
    with pytest.raises(ServiceError, match="is not authorized to perform: sts:AssumeRole"):
        await world.sts.assume_role(
            root,
            role_arn=f"arn:aws:iam::{NEW}:role/OrganizationAccountAccessRole",
            role_session_name="s1",
        )

    handshake = await world.organizations.invite_account_to_organization(root, target={"Id": NEW, "Type": "ACCOUNT"})

    assert handshake["Handshake"]["State"] == "ACCEPTED"
    assert await world.store.is_active(NEW) is True
    assert await world.store.find_credential(key)
    assert await world.assumer.assume_for_service(arn, GATEWAY, **role)


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        pytest.param(
            "close_account", {"account_id": OPERATOR}, "ConstraintViolationException", id="the operator's own"
        ),
        pytest.param("close_account", {"account_id": NEW}, "AccountNotFoundException", id="unknown"),
        pytest.param("remove_account_from_organization", {"account_id": OTHER}, "ConstraintViolationException"),
        pytest.param(
            "remove_account_from_organization", {"account_id": OPERATOR}, "MasterCannotLeaveOrganizationException"
        ),
        pytest.param("describe_account", {"account_id": NEW}, "AccountNotFoundException"),
        pytest.param(
            "invite_account_to_organization",
            {"target": {"Id": OTHER, "Type": "ACCOUNT"}},
            "HandshakeConstraintViolationException",
            id="an active one",
        ),
        pytest.param(
            "invite_account_to_organization",
            {"target": {"Id": "a@example.org", "Type": "EMAIL"}},
            "NotImplementedException",
        ),
        pytest.param("list_accounts", {"next_token": "x"}, "InvalidInputException"),
        pytest.param(
            "create_account",
            {
                "account_name": "x",
                "email": "x@example.org",
                "tags": [{"Key": "groundwatch:account-id", "Value": OTHER}],
            },
            "InvalidInputException",
            id="a taken number",
        ),
        pytest.param(
            "create_account",
            {"account_name": "x", "email": "x@example.org", "tags": [{"Key": "groundwatch:account-id", "Value": "1"}]},
            "InvalidInputException",
            id="no number",
        ),
        pytest.param(
            "create_account",
            {"account_name": "x", "email": "x@example.org", "tags": [{"Key": "team", "Value": "1"}]},
            "NotImplementedException",
            id="tags",
        ),
    ],
)
async def test_refusal(world, root, operation, arguments, code):
    with pytest.raises(ServiceError) as refusal:
        await getattr(world.organizations, operation)(root, **arguments)
    assert refusal.value.code == code


async def test_closing_twice(world, root):
    await world.organizations.close_account(root, account_id=OTHER)
    with pytest.raises(ServiceError) as refusal:
        await world.organizations.close_account(root, account_id=OTHER)
    assert refusal.value.code == "AccountAlreadyClosedException"


async def test_an_account_with_data_is_not_deleted(world, database):
    own = MetaData()
    groups = Table("log_groups", own, Column("account_id", String(12)), Column("name", String(10)))
    own.create_all(database.engine)
    operations = OrganizationsOperations(world.store, world.clock, operator_account=OPERATOR, tenant_tables=[groups])
    await database.write(lambda connection: connection.execute(insert(groups), {"account_id": OTHER, "name": "g"}))
    await operations.close_account(world.root(), account_id=OTHER)
    with pytest.raises(ServiceError, match=r"The account still has log groups. Enable it again"):
        await operations.remove_account_from_organization(world.root(), account_id=OTHER)
    await database.write(lambda connection: connection.execute(groups.delete()))
    await operations.remove_account_from_organization(world.root(), account_id=OTHER)


async def test_queries_that_were_run_go_with_their_account(world, database):
    metadata.create_all(database.engine)
    accounts = (OTHER, OPERATOR)
    row = {"region": "r", "query": "", "group_names": [], "start_s": 0, "end_s": 0, "status": "Complete"}
    row |= {"identity": "", "created_ms": 0, "statistics": {}}
    rows = [{"id": account, "account_id": account, **row} for account in accounts]
    results = [{"query_id": account, "first_row": 0, "rows": b""} for account in accounts]
    await database.write(lambda connection: connection.execute(insert(queries), rows))
    await database.write(lambda connection: connection.execute(insert(query_results), results))
    operations = OrganizationsOperations(
        world.store, world.clock, operator_account=OPERATOR, tenant_tables=tenant_tables(metadata)
    )
    await operations.close_account(world.root(), account_id=OTHER)
    await operations.remove_account_from_organization(world.root(), account_id=OTHER)
    left = await database.read(lambda connection: connection.scalars(select(queries.c.id)).all())
    parts = await database.read(lambda connection: connection.scalars(select(query_results.c.query_id)).all())
    assert (left, parts) == ([OPERATOR], [OPERATOR])


async def test_deletion_takes_everything_of_the_account_and_nothing_else(world, root, database, policy):
    for account in (OPERATOR, OTHER):
        context = world.root(account)
        user = await world.user("u", ANY, account_id=account)
        await world.sts.get_session_token(user)
        await world.iam.create_group(context, group_name="G")
        await world.iam.add_user_to_group(context, group_name="G", user_name="u")
        await world.iam.put_group_policy(context, group_name="G", policy_name="p", policy_document=policy(ANY))
        arn = await world.managed("P", ANY, account_id=account)
        await world.iam.tag_policy(context, policy_arn=arn, tags=[{"Key": "k", "Value": "v"}])
        await world.iam.attach_group_policy(context, group_name="G", policy_arn=arn)
        trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
        await world.role("R", trust, account_id=account)

    def sizes(connection):
        tables = [value for value in vars(identity).values() if isinstance(value, Table)]
        return {table.name: len(connection.execute(table.select()).all()) for table in tables}

    before = await database.read(sizes)
    await world.organizations.close_account(root, account_id=OTHER)
    await world.organizations.remove_account_from_organization(root, account_id=OTHER)
    after = await database.read(sizes)
    assert {name: count * 2 for name, count in after.items()} == before
    assert all(before.values())


def test_the_tables_of_tenants_are_found_by_their_column():
    names = [table.name for table in tenant_tables(metadata)]
    assert not [name for name in names if name.startswith("identity_")]
    assert all("account_id" in metadata.tables[name].c for name in names)


def rule(context, operation="ListAccounts", **params):
    return organizations_access(OPERATOR)(operation, params, context)


async def test_who_may_call(world):
    operator, powerless = await world.user("operator", ANY), await world.user("powerless")
    tenant = await world.user("tenant", ANY, account_id=OTHER)
    await world.authorizer.authorize(operator, rule(operator))
    with pytest.raises(ServiceError, match="because no identity-based policy allows the organizations:ListAccounts"):
        await world.authorizer.authorize(powerless, rule(powerless))
    with pytest.raises(ServiceError) as refusal:
        rule(tenant)
    assert refusal.value.code == "AccessDeniedException"


async def test_what_is_checked(world):
    operator = world.root()
    arn = f"arn:aws:organizations::{OPERATOR}:account/o-{OPERATOR}/{NEW}"
    assert rule(operator, "CloseAccount", AccountId=NEW) == [AccessCheck("organizations:CloseAccount", arn)]
    [invite] = rule(operator, "InviteAccountToOrganization", Target={"Id": NEW, "Type": "ACCOUNT"})
    assert invite.resource == arn
    [made] = rule(operator, "CreateAccount", Tags=TAGS)
    assert (made.resource, made.keys["aws:TagKeys"]) == ("*", ["groundwatch:account-id"])
    with pytest.raises(NotImplementedByServer):
        rule(operator, "CreatePolicy")
