import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs import query_definitions

NOW_MS = 1_790_000_000_000


async def refusal(awaitable) -> str:
    with pytest.raises(ServiceError) as caught:
        await awaitable
    return caught.value.code


async def put(operations, context, name: str = "q", **members) -> str:
    answer = await operations.put_query_definition(context, name=name, query_string="fields @message", **members)
    return answer["queryDefinitionId"]


async def listed(operations, context, **members) -> list[dict]:
    return (await operations.describe_query_definitions(context, **members))["queryDefinitions"]


async def test_replacing_clears_what_is_left_out(operations, context):
    parameters = [{"name": "level", "defaultValue": "ERROR"}]
    number = await put(operations, context, log_group_names=["g"], parameters=parameters)
    expected = {
        "queryLanguage": "CWLI",
        "queryDefinitionId": number,
        "name": "q",
        "queryString": "fields @message",
        "lastModified": NOW_MS,
        "logGroupNames": ["g"],
    }
    assert await listed(operations, context) == [expected | {"parameters": parameters}]
    assert await put(operations, context, query_definition_id=number) == number
    assert await listed(operations, context) == [expected | {"logGroupNames": []}]


async def test_a_repeated_client_token_makes_nothing_new(operations, context, make_context):
    token = "0" * 36
    first = await put(operations, context, client_token=token)
    assert await put(operations, context, client_token=token) == first
    assert await put(operations, make_context(), client_token=token) != first
    assert len(await listed(operations, context)) == 1


async def test_definitions_are_chosen_and_paged_by_name(operations, context, make_context):
    await put(operations, make_context(), "foreign")
    for name, language in (("b/2", "CWLI"), ("a", "SQL"), ("b/1", "CWLI"), ("b/1", "SQL")):
        await put(operations, context, name, query_language=language)
    names = [item["name"] for item in await listed(operations, context)]
    assert names == ["a", "b/1", "b/1", "b/2"]
    assert [item["name"] for item in await listed(operations, context, query_definition_name_prefix="b/")] == names[1:]
    assert [item["name"] for item in await listed(operations, context, query_language="SQL")] == ["a", "b/1"]
    seen, token = [], None
    while True:
        page = await operations.describe_query_definitions(context, max_results=1, next_token=token)
        seen += [item["name"] for item in page["queryDefinitions"]]
        token = page.get("nextToken")
        if token is None:
            break
    assert seen == names


async def test_deletion(operations, context, make_context):
    number = await put(operations, context)
    stranger = make_context()
    assert await refusal(operations.delete_query_definition(stranger, query_definition_id=number)) == (
        "ResourceNotFoundException"
    )
    assert await operations.delete_query_definition(context, query_definition_id=number) == {"success": True}
    gone = operations.delete_query_definition(context, query_definition_id=number)
    assert await refusal(gone) == "ResourceNotFoundException"


async def test_replacing_what_is_not_there(operations, context):
    assert await refusal(put(operations, context, query_definition_id="none")) == "ResourceNotFoundException"


async def test_the_quota(operations, context, monkeypatch):
    monkeypatch.setattr(query_definitions, "MAX_DEFINITIONS", 1)
    number = await put(operations, context)
    assert await refusal(put(operations, context, "r")) == "LimitExceededException"
    await put(operations, context, "r", query_definition_id=number)


@pytest.mark.parametrize(
    ("language", "names", "accepted"),
    [("CWLI", ["a", "b"], True), ("CWLI", ["a", "a"], False), ("SQL", ["a"], False), ("PPL", [], True)],
)
async def test_parameters_are_of_one_language_and_have_a_name_each(operations, context, language, names, accepted):
    parameters = [{"name": name, "defaultValue": "1"} for name in names]
    call = put(operations, context, query_language=language, parameters=parameters)
    if not accepted:
        assert await refusal(call) == "InvalidParameterException"
        return
    await call
    assert (await listed(operations, context))[0].get("parameters", []) == parameters
