"""Import, deploy, export, import: the second definition must be the first, whatever the version and the form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.gateway.control.definitions import named

from groundwatch.gateway.store import Place

ROOT = Path(__file__).parents[3]
DOCUMENTS = [Path(__file__).with_name("data") / "rich.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]
FORMS = ["application/json", "application/yaml"]


class Definitions:
    """Imports and exports through the operations, and looks at what is kept."""

    def __init__(self, operations, store, context):
        self.operations = operations
        self.store = store
        self.context = context
        self.place = Place(context.account_id, context.region)

    async def add(self, body, **more):
        made = await self.operations.import_rest_api(self.context, body=body, fail_on_warnings=True, **more)
        return made["id"]

    async def deploy(self, api_id):
        call = {"rest_api_id": api_id, "stage_name": "prod"}
        await self.operations.create_deployment(self.context, **call)
        await self.operations.create_documentation_version(self.context, documentation_version="v1", **call)

    async def export(self, api_id, kind="oas30", accepts="application/json", extensions="apigateway"):
        return await self.operations.get_export(
            self.context,
            rest_api_id=api_id,
            stage_name="prod",
            export_type=kind,
            accepts=accepts,
            parameters={"extensions": extensions} if extensions else None,
        )

    async def definition(self, api_id):
        return named(await self.store.get_api(self.place, api_id))

    async def documentation(self, api_id):
        parts = await self.store.documentation.get_parts(self.place, api_id)
        return {part.location: part.content() for part in parts}


@pytest.fixture
def definitions(operations, store, context):
    return Definitions(operations, store, context)


@pytest.mark.parametrize("accepts", FORMS)
@pytest.mark.parametrize("kind", ["oas30", "swagger"])
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
async def test_a_round_trip_loses_nothing(definitions, path, kind, accepts):
    first = await definitions.add(path.read_bytes())
    await definitions.deploy(first)
    exported = (await definitions.export(first, kind, accepts))["body"]
    second = await definitions.add(exported)
    assert await definitions.definition(second) == await definitions.definition(first)
    assert await definitions.documentation(second) == await definitions.documentation(first)
    await definitions.operations.put_rest_api(
        definitions.context, rest_api_id=first, body=exported, mode="overwrite", fail_on_warnings=True
    )
    assert await definitions.definition(first) == await definitions.definition(second)
    assert await definitions.documentation(first) == await definitions.documentation(second)


async def test_both_forms_say_the_same(definitions):
    api_id = await definitions.add(DOCUMENTS[0].read_bytes())
    await definitions.deploy(api_id)
    for kind in ("oas30", "swagger"):
        as_json, as_yaml = [(await definitions.export(api_id, kind, accepts))["body"] for accepts in FORMS]
        assert yaml.safe_load(as_yaml) == json.loads(as_json)
