"""Documentation parts and versions: operations, imports, inheritance, and what exports show of them."""

from __future__ import annotations

import json

import pytest
from tests.refusals import refusal

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.documentation.parts import Documentation, Location, Part

API_PART = {"location": {"type": "API"}, "properties": '{"info":{"description":"d"}}'}
UNKNOWN_PART = "Invalid Documentation part identifier specified"
UNKNOWN_VERSION = "Invalid Documentation version specified"


# --- parts ---


@pytest.mark.parametrize(
    ("location", "completed"),
    [
        ({"type": "API"}, {}),
        ({"type": "MODEL", "name": "Pet"}, {"name": "Pet"}),
        ({"type": "RESOURCE"}, {"path": "/"}),
        ({"type": "METHOD", "path": "/pets"}, {"path": "/pets", "method": "*"}),
        ({"type": "RESPONSE", "statusCode": "200"}, {"path": "/", "method": "*", "statusCode": "200"}),
        ({"type": "RESPONSE_HEADER", "name": "X"}, {"path": "/", "method": "*", "statusCode": "*", "name": "X"}),
    ],
)
async def test_a_part_is_kept_at_its_whole_location(api, location, completed):
    made = await api.call("create_documentation_part", location=location, properties="{ }")
    assert made == {"id": made["id"], "location": {"type": location["type"], **completed}, "properties": "{ }"}
    assert await api.call("get_documentation_part", documentation_part_id=made["id"]) == made
    assert (await api.call("get_documentation_parts"))["items"] == [made]
    code, message = await refusal(api.call("create_documentation_part", location=location, properties="{}"))
    assert code == "ConflictException"
    assert message.startswith(
        f"Documentation part already exists for the specified location: type '{location['type']}'"
    )


async def test_the_message_for_a_place_that_is_taken(api):
    await api.call("create_documentation_part", **API_PART)
    # Source: "Document an API using the API Gateway REST API".
    assert await refusal(api.call("create_documentation_part", **API_PART)) == (
        "ConflictException",
        "Documentation part already exists for the specified location: type 'API'.",
    )


@pytest.mark.parametrize(
    ("location", "properties", "message"),
    [
        ({"type": "API", "path": "/"}, "{}", "Invalid location field 'path' specified for type API"),
        (
            {"type": "METHOD", "statusCode": "200"},
            "{}",
            "Invalid location field 'statusCode' specified for type METHOD",
        ),
        ({"type": "QUERY_PARAMETER"}, "{}", "Location field 'name' is required for type QUERY_PARAMETER"),
        ({"type": "RESOURCE", "path": "pets"}, "{}", "Invalid location path specified: pets"),
        ({"type": "API"}, "", "Invalid properties specified: a JSON object is expected"),
        ({"type": "API"}, "[]", "Invalid properties specified: a JSON object is expected"),
        ({"type": "API"}, '{"a":' + "[" * 60 + "]" * 60 + "}", "Documentation part properties are nested too deeply"),
        ({"type": "API"}, "[" * 100_000, "Invalid properties specified: a JSON object is expected"),
        ({"type": "API"}, f'{{"a":"{"x" * 350_000}"}}', "Documentation part properties exceed 348160 bytes"),
    ],
)
async def test_parts_that_cannot_be(api, location, properties, message):
    call = api.call("create_documentation_part", location=location, properties=properties)
    assert await refusal(call) == ("BadRequestException", message)


async def test_the_parts_of_an_api_are_bounded_together(api, monkeypatch):
    monkeypatch.setattr("groundwatch.gateway.documentation.merging.MAX_BYTES", 40)
    await api.call("create_documentation_part", **API_PART)
    code, message = await refusal(
        api.call("create_documentation_part", location={"type": "RESOURCE"}, properties='{"a":"bcdefghij"}')
    )
    assert (code, message) == (
        "LimitExceededException",
        "The documentation parts of an API can have at most 40 bytes of properties",
    )


async def test_only_the_properties_of_a_part_change(api):
    made = await api.call("create_documentation_part", **API_PART)

    def update(**patch):
        return api.call("update_documentation_part", documentation_part_id=made["id"], patch_operations=[patch])

    changed = await update(op="replace", path="/properties", value='{"a":1}')
    assert changed == {**made, "properties": '{"a":1}'}
    code, message = await refusal(update(op="add", path="/properties", value="{}"))
    assert (code, message.endswith("Please choose supported operations")) == ("BadRequestException", True)
    assert await refusal(update(op="replace", path="/invalidPath", value="{}")) == (
        "BadRequestException",
        "Invalid patch path  '/invalidPath' specified for op 'replace'. Must be one of: [/properties]",
    )
    assert (await refusal(update(op="replace", path="/properties", value="x")))[0] == "BadRequestException"


async def test_a_part_that_is_gone(api):
    part_id = (await api.call("create_documentation_part", **API_PART))["id"]
    await api.call("delete_documentation_part", documentation_part_id=part_id)
    for operation in ("get_documentation_part", "delete_documentation_part", "update_documentation_part"):
        assert await refusal(api.call(operation, documentation_part_id=part_id)) == ("NotFoundException", UNKNOWN_PART)


async def test_parts_of_another_tenant(operations, stranger, api):
    call = {"rest_api_id": api.id, "location": {"type": "API"}, "properties": "{}"}
    code, _ = await refusal(operations.create_documentation_part(stranger, **call))
    assert code == "NotFoundException"
    assert (await refusal(operations.get_documentation_parts(stranger, rest_api_id=api.id)))[0] == "NotFoundException"
    assert (await refusal(operations.get_documentation_versions(stranger, rest_api_id=api.id)))[
        0
    ] == "NotFoundException"


async def test_parts_are_listed_by_type_name_and_path_in_pages(api):
    for name, path in (("b", "/p"), ("a", "/p"), ("a", "/q")):
        location = {"type": "QUERY_PARAMETER", "name": name, "path": path}
        await api.call("create_documentation_part", location=location, properties="{}")
    await api.call("create_documentation_part", **API_PART)

    async def listed(**wanted):
        items = (await api.call("get_documentation_parts", **wanted))["items"]
        return [(item["location"].get("name"), item["location"].get("path")) for item in items]

    assert await listed(type="QUERY_PARAMETER") == [("a", "/p"), ("b", "/p"), ("a", "/q")]
    assert await listed(name_query="a") == [("a", "/p"), ("a", "/q")]
    assert await listed(path="/p", name_query="b") == [("b", "/p")]
    page = await api.call("get_documentation_parts", limit=3)
    rest = await api.call("get_documentation_parts", limit=3, position=page["position"])
    assert (len(page["items"]), len(rest["items"]), "position" in rest) == (3, 1, False)


async def test_places_without_a_part(api):
    await api.put_mock_method(request_parameters={"method.request.querystring.q": False})
    await api.call_method("put_method_response", status_code="200")
    await api.call("create_documentation_part", location={"type": "METHOD", "method": "GET"}, properties="{}")
    items = (await api.call("get_documentation_parts", location_status="UNDOCUMENTED"))["items"]
    assert [item["location"]["type"] for item in items] == [
        "API", "MODEL", "MODEL", "QUERY_PARAMETER", "RESOURCE", "RESPONSE",
    ]  # fmt: skip
    assert all("id" not in item for item in items)


# --- inheritance ---


@pytest.mark.parametrize(
    ("parts", "place", "found"),
    [
        pytest.param([("/", "*", "*")], ("/pets", "GET", "200"), 0, id="a general part holds below"),
        pytest.param([("/", "*", "400")], ("/pets", "GET", "200"), None, id="for its own status only"),
        pytest.param([("/", "POST", "*")], ("/pets", "GET", "200"), None, id="for its own method only"),
        pytest.param([("/pet", "*", "*")], ("/pets", "GET", "200"), None, id="paths end at slashes"),
        pytest.param([("/", "GET", "200"), ("/pets", "*", "*")], ("/pets/{id}", "GET", "200"), 1, id="path first"),
        pytest.param([("/", "GET", "*"), ("/", "*", "200")], ("/a", "GET", "200"), 1, id="then status"),
        pytest.param([("/", "*", "200"), ("/", "GET", "200")], ("/a", "GET", "200"), 1, id="then method"),
        pytest.param([("/a/b", "GET", "200")], ("/a", "GET", "200"), None, id="never upwards"),
    ],
)
def test_which_part_holds_for_a_response(parts, place, found):
    docs = Documentation(
        Part(str(number), Location("RESPONSE", *part), f'{{"n":{number}}}') for number, part in enumerate(parts)
    )
    assert docs.at(Location("RESPONSE", *place)).get("n") == found


def test_what_is_not_inherited():
    docs = Documentation([Part("1", Location("METHOD", "/", "*"), '{"n":1}')])
    assert docs.at(Location("METHOD", "/", "GET")) == {"n": 1}
    assert docs.at(Location("METHOD", "/pets", "GET")) == {}


# --- imports ---

DESCRIBED = {
    "openapi": "3.0.1",
    "info": {"title": "t", "description": "All about pets"},
    "tags": [{"name": "pets"}],
    "paths": {
        "/pets": {
            "description": "Pets",
            "parameters": [{"name": "X", "in": "header", "description": "Header"}],
            "post": {
                "summary": "Add",
                "tags": ["pets"],
                "parameters": [{"$ref": "#/components/parameters/page"}],
                "requestBody": {"description": "A pet", "content": {}},
                "responses": {
                    "200": {"description": "Added", "headers": {"L": {"description": "Where"}}},
                    "400": {"description": "400 response"},
                    "default": {"description": "Else"},
                },
                "x-amazon-apigateway-integration": {"type": "mock"},
            },
        }
    },
    "components": {"parameters": {"page": {"name": "page", "in": "query", "description": "Page"}}},
}
POST = {"path": "/pets", "method": "POST"}
PARTS = [
    ({"type": "API"}, {"tags": [{"name": "pets"}], "info": {"description": "All about pets"}}),
    ({"type": "METHOD", **POST}, {"tags": ["pets"], "summary": "Add"}),
    ({"type": "QUERY_PARAMETER", **POST, "name": "page"}, {"description": "Page"}),
    ({"type": "REQUEST_BODY", **POST}, {"description": "A pet"}),
    ({"type": "REQUEST_HEADER", "path": "/pets", "method": "*", "name": "X"}, {"description": "Header"}),
    ({"type": "RESOURCE", "path": "/pets"}, {"description": "Pets"}),
    ({"type": "RESPONSE", **POST, "statusCode": "200"}, {"description": "Added"}),
    ({"type": "RESPONSE_HEADER", **POST, "statusCode": "200", "name": "L"}, {"description": "Where"}),
]


def encoded(document, **more):
    return json.dumps({**document, **more}).encode()


async def parts_of(operations, context, api_id):
    items = (await operations.get_documentation_parts(context, rest_api_id=api_id, limit=100))["items"]
    return [(item["location"], json.loads(item["properties"])) for item in items]


async def test_descriptions_become_parts(operations, context):
    made = await operations.import_rest_api(context, body=encoded(DESCRIBED))
    assert await parts_of(operations, context, made["id"]) == PARTS


async def test_documentation_may_be_ignored(operations, context):
    made = await operations.import_rest_api(context, body=encoded(DESCRIBED), parameters={"ignore": "documentation"})
    assert await parts_of(operations, context, made["id"]) == []


@pytest.mark.parametrize(("mode", "path"), [("prepend", "/v1/shop/pets"), ("split", "/shop/pets")])
async def test_parts_move_with_the_base_path(operations, context, mode, path):
    body = encoded(DESCRIBED, servers=[{"url": "https://x/v1/shop"}])
    made = await operations.import_rest_api(context, body=body, parameters={"basepath": mode})
    parts = await parts_of(operations, context, made["id"])
    assert {location.get("path") for location, _ in parts} == {None, path}


def extension(*parts):
    held = [{"location": location, "properties": properties} for location, properties in parts]
    return {"x-amazon-apigateway-documentation": {"version": "9", "documentationParts": held}}


async def test_the_extension_has_the_last_word(operations, context):
    told = [
        ({"type": "API"}, {"info": {"description": "Other"}}),
        ({"type": "RESPONSE", "statusCode": 200}, {"description": "Added"}),
        ({"type": "METHOD", "path": "/pets", "method": "POST"}, {"summary": "Add one", "x-a": 1}),
    ]
    made = await operations.import_rest_api(context, body=encoded(DESCRIBED, **extension(*told)))
    parts = await parts_of(operations, context, made["id"])
    found = {location["type"]: properties for location, properties in parts}
    assert found["API"] == {"info": {"description": "Other"}, "tags": [{"name": "pets"}]}
    assert found["METHOD"] == {"summary": "Add one", "x-a": 1, "tags": ["pets"]}
    assert [location for location, _ in parts if location["type"] == "RESPONSE"] == [
        {"type": "RESPONSE", "path": "/", "method": "*", "statusCode": "200"}
    ]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"a": 1}, "Invalid documentationParts specified: a list is expected"),
        ([{"location": {"type": "NOPE"}}], "Unable to create documentation part: Invalid documentation part type"),
        ([{"location": {"type": "API", "verb": "GET"}}], "Invalid documentation part location specified: "),
        ([{"properties": {}}], "Invalid documentation part location specified: "),
        ([{"location": {"type": "API"}, "properties": "x"}], "Unable to create documentation part: Invalid properties"),
    ],
)
async def test_extensions_that_cannot_be_read(operations, context, parts, message):
    body = encoded(DESCRIBED, **{"x-amazon-apigateway-documentation": {"documentationParts": parts}})
    code, found = await refusal(operations.import_rest_api(context, body=body))
    assert code == "BadRequestException"
    assert found.startswith(f"Errors found during import:\n\t{message}")


async def test_merge_and_overwrite_of_a_put(operations, context):
    made = await operations.import_rest_api(context, body=encoded(DESCRIBED))
    api = {"rest_api_id": made["id"]}
    described = {
        "openapi": "3.0.1",
        "info": {"title": "t"},
        "paths": {"/pets": {"description": "Animals"}},
        **extension(({"type": "METHOD", **POST}, {"summary": "New"})),
    }
    await operations.put_rest_api(context, **api, body=encoded(described), parameters={"ignore": "documentation"})
    assert await parts_of(operations, context, made["id"]) == PARTS
    await operations.put_rest_api(context, **api, body=encoded(described), mode="merge")
    merged = {location["type"]: held for location, held in await parts_of(operations, context, made["id"])}
    assert (merged["METHOD"], merged["RESOURCE"]) == ({"tags": ["pets"], "summary": "New"}, {"description": "Animals"})
    assert len(merged) == len(PARTS)
    await operations.put_rest_api(context, **api, body=encoded(described), mode="overwrite")
    assert await parts_of(operations, context, made["id"]) == [
        ({"type": "METHOD", **POST}, {"summary": "New"}),
        ({"type": "RESOURCE", "path": "/pets"}, {"description": "Animals"}),
    ]


async def test_importing_parts_alone_touches_no_definition(api):
    made = await api.call("create_documentation_part", **API_PART)
    body = encoded(
        {"swagger": "2.0", "info": {"title": "t"}, "paths": {"/new": {}}},
        **extension(({"type": "API"}, {"x": 1}), ({"type": "MODEL", "name": "M"}, {})),
    )
    merged = await api.call("import_documentation_parts", body=body)
    assert merged["ids"][0] == made["id"]
    part = await api.call("get_documentation_part", documentation_part_id=made["id"])
    assert json.loads(part["properties"]) == {"info": {"description": "d"}, "x": 1}
    again = await api.call("import_documentation_parts", body=body, mode="overwrite")
    assert again["ids"] == merged["ids"]
    part = await api.call("get_documentation_part", documentation_part_id=made["id"])
    assert json.loads(part["properties"]) == {"x": 1}
    assert [item["path"] for item in (await api.call("get_resources"))["items"]] == ["/"]


@pytest.mark.parametrize("body", [b"", b"{", b"a: [", b"[]", b'{"openapi": "2.5"}'])
async def test_files_that_are_no_documents(api, body):
    # Recorded from the service in November 2025.
    assert await refusal(api.call("import_documentation_parts", body=body)) == (
        "BadRequestException",
        "Unable to build importer with provided input.",
    )


# --- versions ---


async def test_a_version_keeps_what_was_said(api, clock):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    part = await api.call("create_documentation_part", **API_PART)
    made = await api.call("create_documentation_version", documentation_version="1.0", stage_name="prod")
    assert made == {"version": "1.0", "createdDate": clock.now_ms // 1000}
    assert (await api.call("get_stage", stage_name="prod"))["documentationVersion"] == "1.0"
    patch = [{"op": "replace", "path": "/properties", "value": '{"info":{"description":"new"}}'}]
    await api.call("update_documentation_part", documentation_part_id=part["id"], patch_operations=patch)
    answer = await api.call(
        "get_export", stage_name="prod", export_type="oas30", parameters={"extensions": "documentation"}
    )
    document = json.loads(answer["body"])
    assert document["info"]["description"] == "d"
    assert document["x-amazon-apigateway-documentation"] == {
        "version": "1.0",
        "createdDate": "2023-11-14T22:13:20Z",
        "documentationParts": [{"location": {"type": "API"}, "properties": {"info": {"description": "d"}}}],
    }


async def test_versions_are_described_listed_and_deleted(api):
    for name in ("2", "1"):
        await api.call("create_documentation_version", documentation_version=name, description=f"no {name}")
    assert [item["version"] for item in (await api.call("get_documentation_versions"))["items"]] == ["1", "2"]
    patch = [{"op": "replace", "path": "/description", "value": "one"}]
    await api.call("update_documentation_version", documentation_version="1", patch_operations=patch)
    assert (await api.call("get_documentation_version", documentation_version="1"))["description"] == "one"
    await api.call("delete_documentation_version", documentation_version="1")
    for operation in ("get", "update", "delete"):
        call = api.call(f"{operation}_documentation_version", documentation_version="1")
        assert await refusal(call) == ("NotFoundException", UNKNOWN_VERSION)


async def test_versions_that_cannot_be(api):
    create = "create_documentation_version"
    await api.call(create, documentation_version="1")
    assert (await refusal(api.call(create, documentation_version="1")))[0] == "ConflictException"
    assert (await refusal(api.call(create, documentation_version="a b")))[0] == "BadRequestException"
    call = api.call(create, documentation_version="2", stage_name="nope")
    assert await refusal(call) == ("NotFoundException", "Invalid stage identifier specified")
    assert (await refusal(api.call("get_documentation_version", documentation_version="2")))[1] == UNKNOWN_VERSION


async def test_a_stage_publishes_a_version_that_there_is(api):
    await api.put_mock_method()
    deployment = await api.call("create_deployment", stage_name="prod")
    await api.call("create_documentation_version", documentation_version="1")

    def publish(version):
        patch = [{"op": "replace", "path": "/documentationVersion", "value": version}]
        return api.call("update_stage", stage_name="prod", patch_operations=patch)

    assert await refusal(publish("2")) == ("BadRequestException", UNKNOWN_VERSION)
    assert (await publish("1"))["documentationVersion"] == "1"
    gone = api.call("delete_documentation_version", documentation_version="1")
    assert await refusal(gone) == (
        "BadRequestException",
        "Active stages pointing to this documentation version must be moved or deleted",
    )
    assert "documentationVersion" not in await publish("")
    await api.call("delete_documentation_version", documentation_version="1")
    create = {"stage_name": "b", "deployment_id": deployment["id"], "documentation_version": "1"}
    assert await refusal(api.call("create_stage", **create)) == ("BadRequestException", UNKNOWN_VERSION)


# --- exports ---


async def exported(api, *parts, extensions=None, kind="oas30"):
    await api.call_method("put_method", authorization_type="NONE")
    await api.call_method("put_method_response", status_code="400")
    await api.call_method("put_integration", type="MOCK")
    await api.call("create_deployment", stage_name="prod")
    for location, properties in parts:
        await api.call("create_documentation_part", location=location, properties=json.dumps(properties))
    await api.call("create_documentation_version", documentation_version="1", stage_name="prod")
    answer = await api.call(
        "get_export",
        stage_name="prod",
        export_type=kind,
        parameters={"extensions": extensions} if extensions else None,
    )
    return json.loads(answer["body"])


async def test_what_openapi_knows_shows_in_the_definition(api):
    # Source: the example of "Publish API documentation using the API Gateway REST API".
    information = {"description": "info", "version": "i", "foo": "f", "x-bar": "b"}
    document = await exported(
        api,
        ({"type": "API"}, {"description": "d", "foo": "f", "x-bar": "a", "info": information}),
        ({"type": "METHOD", "method": "GET"}, {"description": "m", "x-example": "e", "foo": "f", "info": information}),
        ({"type": "RESOURCE"}, {"description": "r", "x-bar": "r"}),
        ({"type": "RESPONSE", "statusCode": "400"}, {"description": "Invalid request error."}),
        ({"type": "MODEL", "name": "Error"}, {"title": "E"}),
        ({"type": "MODEL", "name": "Error.message"}, {"description": "What"}),
        ({"type": "MODEL", "name": "Nothing.here"}, {"description": "x"}),
    )
    assert document["x-bar"] == "a"
    assert (document["info"]["description"], document["info"]["x-bar"]) == ("info", "b")
    assert "foo" not in document and "foo" not in document["info"] and document["info"]["version"] != "i"
    item = document["paths"]["/"]
    assert item["x-bar"] == "r" and "description" not in item
    assert (item["get"]["description"], item["get"]["x-example"]) == ("m", "e")
    assert item["get"].keys() == {"responses", "description", "x-example"}
    assert item["get"]["responses"]["400"]["description"] == "Invalid request error."
    error = document["components"]["schemas"]["Error"]
    assert (error["title"], error["properties"]["message"]["description"]) == ("E", "What")


@pytest.mark.parametrize(
    "name", ["x-amazon-apigateway-integration", "X-Amazon-Apigateway-auth", "responses", "security"]
)
async def test_documentation_defines_nothing(api, name):
    document = await exported(api, ({"type": "METHOD", "method": "GET"}, {name: {"type": "evil"}}))
    assert "evil" not in json.dumps(document)


async def test_a_stage_without_a_version_shows_no_documentation(operations, context):
    made = await operations.import_rest_api(context, body=encoded(DESCRIBED))
    call = {"rest_api_id": made["id"], "stage_name": "prod"}
    await operations.create_deployment(context, **call)
    answer = await operations.get_export(context, **call, export_type="oas30", parameters={"extensions": "apigateway"})
    document = json.loads(answer["body"])
    # Recorded from the service in April 2024: descriptions of the imported document do not show.
    assert document["paths"]["/pets"]["post"]["responses"]["200"]["description"] == "200 response"
    assert "x-amazon-apigateway-documentation" not in document


async def test_a_general_part_does_not_swell_an_export(api, monkeypatch):
    monkeypatch.setattr("groundwatch.gateway.openapi.export.MAX_SHOWN_BYTES", 100)
    with pytest.raises(ServiceError, match="The documentation of the stage is too large to be exported"):
        await exported(api, ({"type": "RESPONSE"}, {"description": "d" * 100}))
