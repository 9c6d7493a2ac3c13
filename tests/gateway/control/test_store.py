"""What the runtime may rely on: freshness, identity, and writes that do not lose one another."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

import groundwatch.storage
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.store import GatewayStore
from groundwatch.storage.tables import gateway_connections, metadata

SLEEPLESS_EDITS = 20


@pytest.fixture
async def published(api):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    return api


async def test_a_cached_stage_is_the_same_object_until_something_changes(published, store):
    first = await store.find_stage(published.id, "prod")
    assert await store.find_stage(published.id, "prod") is first
    await published.call("update_stage", stage_name="prod", patch_operations=[])
    second = await store.find_stage(published.id, "prod")
    assert second is not first
    assert second.deployment is first.deployment


async def test_a_change_elsewhere_keeps_the_same_object(published, store, operations, context):
    first = await store.find_stage(published.id, "prod")
    await operations.create_rest_api(context, name="another")
    assert await store.find_stage(published.id, "prod") is first


async def test_an_undeployed_change_is_not_served(published, store):
    first = await store.find_stage(published.id, "prod")
    await published.call("update_rest_api", patch_operations=[{"op": "replace", "path": "/name", "value": "new"}])
    second = await store.find_stage(published.id, "prod")
    assert second.api.name == "new"
    assert second.deployment is first.deployment
    assert second.deployment.api.name == "logs"


async def test_stages_are_kept_while_they_are_there_and_few(published, store, monkeypatch):
    monkeypatch.setattr("groundwatch.gateway.store.MAX_CACHED_STAGES", 2)
    first = await store.find_stage(published.id, "prod")
    for name in ("b", "c"):
        await published.call("create_deployment", stage_name=name)
        assert (await store.find_stage(published.id, name)).stage.name == name
    assert len(store._stages) == 2
    assert (await store.find_stage(published.id, "prod")).deployment == first.deployment
    await published.call("delete_rest_api")
    assert store._stages == {}


async def test_deleted_stages_and_apis_are_gone_at_once(published, store, operations, context):
    assert await store.find_stage(published.id, "prod") is not None
    await published.call("delete_stage", stage_name="prod")
    assert await store.find_stage(published.id, "prod") is None
    await published.call("create_deployment", stage_name="prod")
    assert await store.find_stage(published.id, "prod") is not None
    await operations.delete_rest_api(context, rest_api_id=published.id)
    assert await store.find_stage(published.id, "prod") is None


async def test_what_another_node_writes_is_seen_after_a_second(published, store, database, clock):
    store._alone = False
    other = GatewayStore(database, clock)
    first = await store.find_stage(published.id, "prod")

    def rename(api):
        return msgspec.structs.replace(api, name="new")

    await other.update_api("111122223333", "us-east-1", published.id, rename)
    assert await store.find_stage(published.id, "prod") is first
    clock.now_ms += 1000
    assert (await store.find_stage(published.id, "prod")).api.name == "new"


async def test_an_unchanged_stage_survives_the_expiry_as_the_same_object(published, store, clock):
    store._alone = False
    first = await store.find_stage(published.id, "prod")
    clock.now_ms += 60_000
    assert await store.find_stage(published.id, "prod") is first


async def test_concurrent_edits_all_take_effect(api):
    await asyncio.gather(
        *(
            api.call("create_resource", parent_id=api.root_id, path_part=f"r{number}")
            for number in range(SLEEPLESS_EDITS)
        )
    )
    paths = {item["path"] for item in (await api.call("get_resources", limit=500))["items"]}
    assert paths == {"/", *(f"/r{number}" for number in range(SLEEPLESS_EDITS))}


async def test_a_writer_that_was_overtaken_is_told(api, store, monkeypatch):
    monkeypatch.setattr("groundwatch.gateway.store_sql.save_api", lambda *_: False)
    with pytest.raises(ServiceError) as caught:
        await api.call("create_resource", parent_id=api.root_id, path_part="a")
    assert caught.value.code == "ConflictException"
    expected = "Unable to complete operation due to concurrent modification. Please try again later."
    assert caught.value.message == expected


@pytest.fixture
async def admitted(published, operations, context):
    key = await operations.create_api_key(context, name="k", enabled=True, value="v" * 20)
    plan = await operations.create_usage_plan(context, name="p", api_stages=[{"apiId": published.id, "stage": "prod"}])
    await operations.create_usage_plan_key(context, usage_plan_id=plan["id"], key_id=key["id"], key_type="API_KEY")
    return published, key, plan


async def test_a_key_is_found_by_its_value_on_its_stages_only(admitted, store):
    api, key, _ = admitted
    assert (await store.find_api_key("v" * 20, api.id, "prod")).id == key["id"]
    assert await store.find_api_key("w" * 20, api.id, "prod") is None
    assert await store.find_api_key("v" * 20, api.id, "other") is None
    assert await store.find_api_key("v" * 20, "nope", "prod") is None


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(
            lambda operations, context, api, key, plan: operations.update_api_key(
                context, api_key=key, patch_operations=[{"op": "replace", "path": "/enabled", "value": "false"}]
            ),
            id="disabled",
        ),
        pytest.param(
            lambda operations, context, api, key, plan: operations.delete_api_key(context, api_key=key), id="deleted"
        ),
        pytest.param(
            lambda operations, context, api, key, plan: operations.delete_usage_plan_key(
                context, usage_plan_id=plan, key_id=key
            ),
            id="taken-out-of-the-plan",
        ),
        pytest.param(
            lambda operations, context, api, key, plan: operations.update_usage_plan(
                context,
                usage_plan_id=plan,
                patch_operations=[{"op": "remove", "path": "/apiStages", "value": f"{api}:prod"}],
            ),
            id="stage-taken-out-of-the-plan",
        ),
        pytest.param(
            lambda operations, context, api, key, plan: operations.delete_stage(
                context, rest_api_id=api, stage_name="prod"
            ),
            id="stage-deleted",
        ),
    ],
)
async def test_a_key_stops_working_at_once(admitted, store, operations, context, ending):
    api, key, plan = admitted
    assert await store.find_api_key("v" * 20, api.id, "prod") is not None
    await ending(operations, context, api.id, key["id"], plan["id"])
    assert await store.find_api_key("v" * 20, api.id, "prod") is None


async def test_the_same_value_of_another_tenant_opens_nothing(published, store, operations, stranger):
    key = await operations.create_api_key(stranger, enabled=True, value="v" * 20)
    plan = await operations.create_usage_plan(stranger, name="p")
    await operations.create_usage_plan_key(stranger, usage_plan_id=plan["id"], key_id=key["id"], key_type="API_KEY")
    assert await store.find_api_key("v" * 20, published.id, "prod") is None


_MIGRATIONS = ("0002_gateway", "0007_gateway_usage", "0008_gateway_documentation", "0009_gateway_domains")


def migration(name):
    path = Path(groundwatch.storage.__file__).with_name("migrations") / "versions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_migrations_make_the_tables(tmp_path):
    modules = [migration(name) for name in _MIGRATIONS]
    engine = create_engine(f"sqlite:///{tmp_path}/m.db")
    with engine.begin() as connection:
        migrations = MigrationContext.configure(
            connection,
            opts={"include_object": lambda _, name, kind, *__: kind != "table" or name.startswith("gateway_")},
        )
        with Operations.context(migrations):
            for module in modules:
                module.upgrade()
            assert gateway_connections.metadata is metadata
            assert compare_metadata(migrations, metadata) == []
            for module in reversed(modules):
                module.downgrade()
    engine.dispose()
