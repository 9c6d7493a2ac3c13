"""Metric filters: what may be set up, what is listed, and in whose words the rest is refused."""

import pytest

from groundwatch.aws.errors import NotImplementedByServer, ServiceError

NOW_MS = 1_790_000_000_000
TRANSFORMATION = {"metricName": "Errors", "metricNamespace": "App", "metricValue": "1"}


async def put(operations, context, name: str = "f", pattern: str = "ERROR", group: str = "g", **members):
    further = {key: members.pop(key) for key in ("emit_system_field_dimensions",) if key in members}
    await operations.put_metric_filter(
        context,
        log_group_name=group,
        filter_name=name,
        filter_pattern=pattern,
        metric_transformations=[TRANSFORMATION | members],
        **further,
    )


async def listed(operations, context, **members) -> list[tuple[str, str]]:
    answer = await operations.describe_metric_filters(context, **members)
    return [(item["logGroupName"], item["filterName"]) for item in answer["metricFilters"]]


async def test_a_described_filter_has_every_member(operations, context, group):
    await put(operations, context, defaultValue=0.0, unit="Count")
    answer = await operations.describe_metric_filters(context, log_group_name="g")
    assert answer == {
        "metricFilters": [
            {
                "filterName": "f",
                "filterPattern": "ERROR",
                "metricTransformations": [TRANSFORMATION | {"defaultValue": 0.0, "unit": "Count"}],
                "creationTime": NOW_MS,
                "logGroupName": "g",
                "applyOnTransformedLogs": False,
            }
        ]
    }


async def test_the_same_name_replaces(operations, context, group):
    await put(operations, context)
    await put(operations, context, pattern="{ $.a = * }", metricValue="$.a", dimensions={"A": "$.a"})
    (found,) = (await operations.describe_metric_filters(context, log_group_name="g"))["metricFilters"]
    assert found["filterPattern"] == "{ $.a = * }"
    assert found["metricTransformations"] == [
        TRANSFORMATION | {"metricValue": "$.a", "dimensions": {"A": "$.a"}, "unit": "None"}
    ]


@pytest.mark.parametrize(
    ("pattern", "members", "code", "message"),
    [
        pytest.param(
            "{ $.a = * }",
            {"dimensions": {"A": "$.a"}, "defaultValue": 0.0},
            "InvalidParameterException",
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties",
            id="dimensions or a default value",
        ),
        pytest.param(
            "ERROR",
            {"dimensions": {"A": "$.a"}},
            "InvalidParameterException",
            "The specified filter pattern does not support dimensions",
            id="terms have no dimensions",
        ),
        pytest.param(
            "ERROR",
            {"metricValue": "1e300"},
            "InvalidParameterException",
            "Invalid metric transformation: 1e+300 is not between -2^360 and 2^360",
            id="more than a metric can hold",
        ),
        pytest.param(
            "ERROR",
            {"defaultValue": -1e300},
            "InvalidParameterException",
            "Invalid metric transformation: -1e+300 is not between -2^360 and 2^360",
            id="less than a metric can hold",
        ),
        pytest.param(
            "%ERROR%",
            {"dimensions": {"A": "$.a"}},
            "InvalidParameterException",
            "The specified filter pattern does not support dimensions",
            id="expressions have no dimensions",
        ),
        pytest.param(
            "[a, b, c, d]",
            {"dimensions": {name: f"${name}" for name in "abcd"}},
            "InvalidParameterException",
            "Invalid metric transformation: at most 3 dimensions are allowed",
            id="four dimensions",
        ),
        pytest.param(
            "[a, b, c]",
            {"dimensions": {name: f"${name}" for name in "abc"}, "emit_system_field_dimensions": ["@aws.region"]},
            "InvalidParameterException",
            "Invalid metric transformation: at most 3 dimensions are allowed",
            id="system fields count",
        ),
        pytest.param(
            "ERROR",
            {"emit_system_field_dimensions": ["@aws.zone"]},
            "InvalidParameterException",
            "Invalid emitSystemFieldDimensions: each of @aws.account, @aws.region may be named once",
            id="no such system field",
        ),
        pytest.param(
            "{ $.a = * }",
            {"metricValue": "$.b"},
            "InvalidParameterException",
            "Invalid metric transformation: $.b is neither a number nor a field that the filter pattern names",
            id="a field that the pattern does not name",
        ),
        pytest.param(
            "ERROR",
            {"metricValue": "one"},
            "InvalidParameterException",
            "Invalid metric transformation: one is neither a number nor a field that the filter pattern names",
            id="no number",
        ),
        pytest.param("{ $.a", {}, "InvalidParameterException", "Invalid", id="a malformed pattern"),
    ],
)
async def test_refusals(*, operations, context, group, pattern, members, code, message):
    with pytest.raises(ServiceError) as caught:
        await put(operations, context, pattern=pattern, **members)
    assert caught.value.code == code
    assert (caught.value.message or "").startswith(message)
    assert await listed(operations, context) == []


async def test_a_missing_group(operations, context):
    with pytest.raises(ServiceError) as caught:
        await put(operations, context)
    assert caught.value.code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "members", [{"apply_on_transformed_logs": True}, {"field_selection_criteria": '@aws.region = "eu-west-1"'}]
)
async def test_what_is_not_there_is_refused_by_name(operations, context, group, members):
    with pytest.raises(NotImplementedByServer, match="PutMetricFilter"):
        await operations.put_metric_filter(
            context,
            log_group_name="g",
            filter_name="f",
            filter_pattern="",
            metric_transformations=[TRANSFORMATION],
            **members,
        )


async def test_a_hundred_filters_and_no_more(operations, context, group):
    for number in range(100):
        await put(operations, context, f"f{number:03}")
    await put(operations, context, "f000")
    with pytest.raises(ServiceError, match="Resource limit exceeded") as caught:
        await put(operations, context, "more")
    assert caught.value.code == "LimitExceededException"
    (described,) = (await operations.describe_log_groups(context))["logGroups"]
    assert described["metricFilterCount"] == 100


async def test_five_patterns_with_expressions_and_no_more(operations, context, group, peer):
    for number in range(4):
        await put(operations, context, f"f{number}", pattern="{ $.a = %x% }")
    target = f"arn:aws:kinesis:us-east-1:{context.account_id}:stream/s"
    role = f"arn:aws:iam::{context.account_id}:role/ship"

    async def subscribe(name: str, pattern: str) -> None:
        await operations.put_subscription_filter(
            context,
            log_group_name="g",
            filter_name=name,
            filter_pattern=pattern,
            destination_arn=target,
            role_arn=role,
        )

    await subscribe("s", "[a = %x%]")
    for call in (put(operations, context, "more", pattern="%x%"), subscribe("more", "%x%")):
        with pytest.raises(ServiceError) as caught:
            await call
        assert caught.value.code == "LimitExceededException"
    await put(operations, context, "f0", pattern="%y%")
    await subscribe("s", "%z%")
    await put(operations, context, "plain", pattern="y")


async def test_lists_by_group_prefix_and_metric(operations, context, group):
    await operations.create_log_group(context, log_group_name="h")
    await put(operations, context, "b")
    await put(operations, context, "a", group="h")
    await put(operations, context, "ab", group="g", metricName="Other")
    assert await listed(operations, context) == [("h", "a"), ("g", "ab"), ("g", "b")]
    assert await listed(operations, context, log_group_name="g") == [("g", "ab"), ("g", "b")]
    assert await listed(operations, context, log_group_name="g", filter_name_prefix="a") == [("g", "ab")]
    assert len(await listed(operations, context, filter_name_prefix="b")) == 3
    assert await listed(operations, context, metric_name="Other", metric_namespace="App") == [("g", "ab")]
    with pytest.raises(ServiceError) as caught:
        await listed(operations, context, metric_name="Other")
    assert caught.value.code == "InvalidParameterException"


async def test_pages(operations, context, group):
    for name in "cab":
        await put(operations, context, name)
    found, token = [], None
    while True:
        answer = await operations.describe_metric_filters(context, limit=2, next_token=token)
        found += [item["filterName"] for item in answer["metricFilters"]]
        token = answer.get("nextToken")
        if token is None:
            break
    assert found == ["a", "b", "c"]


async def test_accounts_do_not_see_one_another(operations, context, make_context, group):
    await put(operations, context)
    assert await listed(operations, make_context("999999999999")) == []


async def test_a_deleted_filter_is_gone(operations, context, group):
    await put(operations, context)
    await operations.delete_metric_filter(context, log_group_name="g", filter_name="f")
    assert await listed(operations, context) == []
    with pytest.raises(ServiceError, match=r"The specified metric filter does not exist\.") as caught:
        await operations.delete_metric_filter(context, log_group_name="g", filter_name="f")
    assert caught.value.code == "ResourceNotFoundException"


async def test_testing_counts_from_one(operations, context):
    answer = await operations.test_metric_filter(
        context, filter_pattern="[level, ms > 5]", log_event_messages=["INFO 3", "INFO 7", "WARN 9"]
    )
    assert answer == {
        "matches": [
            {"eventNumber": 2, "eventMessage": "INFO 7", "extractedValues": {"$level": "INFO", "$ms": "7"}},
            {"eventNumber": 3, "eventMessage": "WARN 9", "extractedValues": {"$level": "WARN", "$ms": "9"}},
        ]
    }
