"""The operations on alarms: what they do, what they refuse, and what they show."""

import json

import pytest
from tests.monitoring.alarms.conftest import NOW_MS, TOPIC, metric_alarm

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms import store

STAT = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 60, "Stat": "Sum"}
NO_SINGLE = {"metric_name": None, "namespace": None, "statistic": None, "period": None}


def math(*queries, **changes):
    return metric_alarm(**NO_SINGLE, metrics=list(queries), **changes)


REFUSED = [
    ("InvalidParameterValue", "The value p101 for parameter ExtendedStatistic is not supported.",
     metric_alarm(statistic=None, extended_statistic="p101")),
    ("InvalidParameterValue", "The value Sum for parameter ExtendedStatistic is not supported.",
     metric_alarm(statistic=None, extended_statistic="Sum")),
    ("ValidationError",
     "PutMetricAlarm request can not be made with both Statistic and ExtendedStatistic parameters.",
     metric_alarm(extended_statistic="p90")),
    ("ValidationError", "Invalid arn syntax: not-an-arn", metric_alarm(alarm_actions=["not-an-arn"])),
    ("ValidationError", "Invalid region eu-west-1 specified. Only us-east-1 is supported.",
     metric_alarm(ok_actions=[TOPIC.replace("us-east-1", "eu-west-1")])),
    ("NotImplementedException", "arn:aws:automate:us-east-1:ec2:stop",
     metric_alarm(alarm_actions=["arn:aws:automate:us-east-1:ec2:stop"])),
    ("NotImplementedException", "arn:aws:lambda:us-east-1:1:function:f",
     metric_alarm(alarm_actions=["arn:aws:lambda:us-east-1:1:function:f"])),
    ("NotImplementedException", "GreaterThanUpperThreshold",
     metric_alarm(comparison_operator="GreaterThanUpperThreshold")),
    ("MissingParameter", "The parameter Threshold is required.", metric_alarm(threshold=None)),
    ("InvalidParameterValue", "The value nan for parameter Threshold is invalid.",
     metric_alarm(threshold=float("nan"))),
    ("InvalidParameterValue", "The value inf for parameter Threshold is invalid.",
     metric_alarm(threshold=float("inf"))),
    ("MissingParameter", "The parameter EvaluationPeriods is required.", metric_alarm(evaluation_periods=None)),
    ("MissingParameter", "The parameter MetricName is required.", metric_alarm(metric_name=None)),
    ("MissingParameter", "The parameter Statistic or ExtendedStatistic is required.", metric_alarm(statistic=None)),
    ("ValidationError", "Period must be 10, 20, 30 or a multiple of 60", metric_alarm(period=45)),
    ("ValidationError", "across more than a day", metric_alarm(evaluation_periods=1441)),
    ("ValidationError", "across more than a week", metric_alarm(period=86_400, evaluation_periods=8)),
    ("ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods",
     metric_alarm(datapoints_to_alarm=2)),
    ("ValidationError", "The value never for parameter TreatMissingData", metric_alarm(treat_missing_data="never")),
    ("ValidationError", "only supported for percentile statistics",
     metric_alarm(evaluate_low_sample_count_percentile="ignore")),
    ("ValidationError", "control characters", metric_alarm(alarm_name="a\nb")),
    ("InvalidParameterValue", "No repeated dimension names",
     metric_alarm(dimensions=[{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}])),
    ("AccessDenied", 'The provided tag keys must not start with any case of "aws:"',
     metric_alarm(tags=[{"Key": "AWS:x", "Value": ""}])),
    ("ValidationError", "mutually exclusive", metric_alarm(metrics=[{"Id": "m", "MetricStat": STAT}])),
    ("ValidationError", "between 1 and 20", math()),
    ("ValidationError", "Exactly one element of the metrics list should return data.",
     math({"Id": "m", "MetricStat": STAT}, {"Id": "e", "Expression": "m*2"})),
    ("ValidationError", "Exactly one of Metrics.member.1.Expression", math({"Id": "m"})),
    ("ValidationError", "not matching the expected pattern ^[a-z]", math({"Id": "M", "MetricStat": STAT})),
    ("ValidationError", "The values for parameter id in Metrics are not unique.",
     math({"Id": "m", "MetricStat": STAT, "ReturnData": False}, {"Id": "m", "Expression": "1"})),
    ("ValidationError", "be the same for all metrics",
     math({"Id": "m", "MetricStat": STAT, "ReturnData": False}, {"Id": "e", "Expression": "m", "Period": 120})),
    ("ValidationError", "Period must be 10, 20, 30 or a multiple of 60",
     math({"Id": "e", "Expression": "TIME_SERIES(1)", "Period": 7})),
    ("ValidationError", "SEARCH is not supported on Metric Alarms.",
     math({"Id": "e", "Expression": "SEARCH('x', 'Sum')", "Period": 60})),
    ("ValidationError", "Stat is not a valid statistic", math({"Id": "m", "MetricStat": STAT | {"Stat": "p"}})),
    ("NotImplementedException", "AccountId of another account",
     math({"Id": "m", "MetricStat": STAT, "AccountId": "999999999999"})),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message", "words"), REFUSED, ids=[f"{row[0]} {row[1][:40]}" for row in REFUSED])
async def test_put_metric_alarm_refuses(operations, context, code, message, words):
    with pytest.raises(ServiceError) as refused:
        await operations.put_metric_alarm(context, **words)
    assert refused.value.code == code
    assert message in str(refused.value)
    assert (await operations.describe_alarms(context))["MetricAlarms"] == []


async def test_a_new_alarm_shows_what_was_given_and_no_more(operations, context):
    await operations.put_metric_alarm(context, **metric_alarm(alarm_actions=[TOPIC]))
    (shown,) = (await operations.describe_alarms(context))["MetricAlarms"]
    assert shown == {
        "AlarmName": "errors",
        "AlarmArn": f"arn:aws:cloudwatch:us-east-1:{context.account_id}:alarm:errors",
        "AlarmConfigurationUpdatedTimestamp": NOW_MS / 1000,
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "MetricName": "Errors",
        "Namespace": "App",
        "Statistic": "Sum",
        "Dimensions": [],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "StateValue": "INSUFFICIENT_DATA",
        "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": NOW_MS / 1000,
        "StateTransitionedTimestamp": NOW_MS / 1000,
    }


async def test_an_update_replaces_the_configuration_and_keeps_state_and_tags(operations, context):
    await operations.put_metric_alarm(
        context, **metric_alarm(alarm_description="d", tags=[{"Key": "team", "Value": "a"}])
    )
    await operations.set_alarm_state(context, alarm_name="errors", state_value="ALARM", state_reason="by hand")
    await operations.put_metric_alarm(context, **metric_alarm(threshold=7.0, tags=[{"Key": "team", "Value": "b"}]))
    (shown,) = (await operations.describe_alarms(context))["MetricAlarms"]
    assert (shown["Threshold"], shown["StateValue"], shown["StateReason"]) == (7.0, "ALARM", "by hand")
    assert "AlarmDescription" not in shown
    tags = await operations.list_tags_for_resource(context, resource_arn=shown["AlarmArn"])
    assert tags == {"Tags": [{"Key": "team", "Value": "a"}]}
    history = (await operations.describe_alarm_history(context))["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [
        'Alarm "errors" updated',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        'Alarm "errors" created',
    ]
    update = json.loads(history[0]["HistoryData"])
    assert update["type"] == "Update"
    assert update["originalUpdatedFields"] == {"alarmDescription": "d", "threshold": 5.0}
    assert update["updatedAlarm"]["statistic"] == "SUM"


LISTED = [
    ({}, ["a-1", "a-2", "b"]),
    ({"alarm_name_prefix": "a-"}, ["a-1", "a-2"]),
    ({"alarm_name_prefix": "A-"}, []),
    ({"alarm_names": ["b", "b", "none"]}, ["b"]),
    ({"state_value": "ALARM"}, ["a-2"]),
    ({"action_prefix": "arn:aws:sns"}, ["b"]),
    ({"alarm_types": ["CompositeAlarm"]}, ["both"]),
    ({"alarm_types": ["CompositeAlarm", "MetricAlarm"]}, ["a-1", "a-2", "b", "both"]),
    ({"children_of_alarm_name": "both"}, ["a-1", "b"]),
    ({"parents_of_alarm_name": "a-1"}, ["both"]),
    ({"parents_of_alarm_name": "a-2"}, []),
]


@pytest.mark.parametrize(("filters", "names"), LISTED, ids=str)
@pytest.mark.parametrize("size", [1, 100])
async def test_lists_by_name_page_by_page(operations, context, make_context, filters, names, size):
    for name in ("b", "a-2", "a-1"):
        await operations.put_metric_alarm(
            context, **metric_alarm(alarm_name=name, ok_actions=[TOPIC] if name == "b" else None)
        )
    await operations.put_composite_alarm(context, alarm_name="both", alarm_rule="ALARM(a-1) AND ALARM(b)")
    await operations.set_alarm_state(context, alarm_name="a-2", state_value="ALARM", state_reason="")
    await operations.put_metric_alarm(make_context(), **metric_alarm(alarm_name="a-other-tenant"))
    await operations.put_metric_alarm(make_context(context.account_id, "eu-west-1"), **metric_alarm())
    seen, token = [], {}
    while True:
        answer = await operations.describe_alarms(context, max_records=size, **filters, **token)
        page = answer["MetricAlarms"] + answer["CompositeAlarms"]
        assert len(page) <= size
        seen += [alarm["AlarmName"] for alarm in page]
        if "NextToken" not in answer:
            break
        token = {"next_token": answer["NextToken"]}
    assert seen == names


@pytest.mark.parametrize(
    "filters",
    [
        {"alarm_names": ["a"], "alarm_name_prefix": "a"},
        {"children_of_alarm_name": "a", "state_value": "OK"},
        {"children_of_alarm_name": "a", "parents_of_alarm_name": "a"},
    ],
    ids=str,
)
async def test_filters_that_exclude_each_other(operations, context, filters):
    with pytest.raises(ServiceError) as refused:
        await operations.describe_alarms(context, **filters)
    assert refused.value.code == "InvalidParameterCombination"


async def test_a_token_of_another_request_is_refused(operations, context):
    for name in ("a", "b"):
        await operations.put_metric_alarm(context, **metric_alarm(alarm_name=name))
    token = (await operations.describe_alarms(context, max_records=1))["NextToken"]
    for call in (
        operations.describe_alarms(context, alarm_name_prefix="a", next_token=token),
        operations.describe_alarm_history(context, next_token=token),
    ):
        with pytest.raises(ServiceError) as refused:
            await call
        assert refused.value.code == "InvalidNextToken"


async def test_alarms_of_a_metric(operations, context):
    here, there = {"Name": "host", "Value": "a"}, {"Name": "zone", "Value": "b"}
    await operations.put_metric_alarm(context, **metric_alarm(alarm_name="two", dimensions=[here, there]))
    await operations.put_metric_alarm(context, **metric_alarm(alarm_name="one", dimensions=[here]))
    await operations.put_metric_alarm(context, **math({"Id": "m", "MetricStat": STAT}, alarm_name="math"))

    async def names(**words):
        found = await operations.describe_alarms_for_metric(context, metric_name="Errors", namespace="App", **words)
        return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]

    assert await names(dimensions=[there, here]) == ["two"]
    assert await names(dimensions=[here], period=60, statistic="Sum") == ["one"]
    assert await names(dimensions=[here], period=300) == []
    assert await names() == []


async def test_setting_a_state(operations, context):
    await operations.put_metric_alarm(context, **metric_alarm())
    with pytest.raises(ServiceError) as refused:
        await operations.set_alarm_state(context, alarm_name="none", state_value="OK", state_reason="")
    assert (refused.value.code, refused.value.message) == ("ResourceNotFound", None)
    # Neither half of what it is, nor what Python alone takes for JSON.
    for data in ("{", "[" * 3_999, '{"a": NaN}', "[-Infinity]"):
        with pytest.raises(ServiceError) as refused:
            await operations.set_alarm_state(
                context, alarm_name="errors", state_value="OK", state_reason="", state_reason_data=data
            )
        assert refused.value.code == "InvalidFormat"
    for _ in range(2):
        await operations.set_alarm_state(
            context, alarm_name="errors", state_value="OK", state_reason="", state_reason_data='{"a":[1]}'
        )
    history = (await operations.describe_alarm_history(context, history_item_type="StateUpdate"))["AlarmHistoryItems"]
    assert [json.loads(item["HistoryData"]) for item in history] == [
        {
            "version": "1.0",
            "oldState": {"stateValue": "INSUFFICIENT_DATA", "stateReason": "Unchecked: Initial alarm creation"},
            "newState": {"stateValue": "OK", "stateReason": "", "stateReasonData": {"a": [1]}},
        }
    ]


async def test_actions_on_and_off(operations, context):
    await operations.put_metric_alarm(context, **metric_alarm())
    await operations.disable_alarm_actions(context, alarm_names=["errors", "none"])
    assert (await operations.describe_alarms(context))["MetricAlarms"][0]["ActionsEnabled"] is False
    await operations.enable_alarm_actions(context, alarm_names=["errors"])
    assert (await operations.describe_alarms(context))["MetricAlarms"][0]["ActionsEnabled"] is True
    history = (await operations.describe_alarm_history(context))["AlarmHistoryItems"]
    assert json.loads(history[0]["HistoryData"])["originalUpdatedFields"] == {"actionsEnabled": False}


async def test_history_page_by_page(operations, context, clock):
    await operations.put_metric_alarm(context, **metric_alarm())
    for number in range(5):
        clock.now_ms += 1000 * (number % 2)
        state = "OK" if number % 2 else "ALARM"
        await operations.set_alarm_state(context, alarm_name="errors", state_value=state, state_reason=str(number))
    await operations.delete_alarms(context, alarm_names=["errors"])
    for order in ("TimestampDescending", "TimestampAscending"):
        seen, token = [], {}
        while True:
            answer = await operations.describe_alarm_history(context, scan_by=order, max_records=2, **token)
            seen += [item["HistorySummary"] for item in answer["AlarmHistoryItems"]]
            if "NextToken" not in answer:
                break
            token = {"next_token": answer["NextToken"]}
        ordered = seen if order == "TimestampAscending" else seen[::-1]
        assert [ordered[0], ordered[-1], len(ordered)] == ['Alarm "errors" created', 'Alarm "errors" deleted', 7]


async def test_tags(operations, context, make_context):
    await operations.put_metric_alarm(context, **metric_alarm())
    arn = f"arn:aws:cloudwatch:us-east-1:{context.account_id}:alarm:errors"
    await operations.tag_resource(
        context, resource_arn=arn, tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    )
    await operations.untag_resource(context, resource_arn=arn, tag_keys=["a", "none"])
    assert (await operations.list_tags_for_resource(context, resource_arn=arn))["Tags"] == [{"Key": "b", "Value": ""}]
    for other, code in (
        (f"{arn}x", "ResourceNotFoundException"),
        ("arn:aws:cloudwatch:us-east-1:999999999999:alarm:errors", "ResourceNotFoundException"),
        ("errors", "InvalidParameterValue"),
        (f"arn:aws:cloudwatch::{context.account_id}:dashboard/d", "NotImplementedException"),
    ):
        with pytest.raises(ServiceError) as refused:
            await operations.tag_resource(context, resource_arn=other, tags=[])
        assert refused.value.code == code
    with pytest.raises(ServiceError) as refused:
        await operations.list_tags_for_resource(make_context(), resource_arn=arn)
    assert refused.value.code == "ResourceNotFoundException"


async def test_the_number_of_alarms_is_limited_by_account(operations, context, make_context, monkeypatch):
    monkeypatch.setattr(store, "MAX_ALARMS", 2)
    for name in ("a", "b"):
        await operations.put_metric_alarm(context, **metric_alarm(alarm_name=name))
    with pytest.raises(ServiceError) as refused:
        await operations.put_metric_alarm(context, **metric_alarm(alarm_name="c"))
    assert refused.value.code == "LimitExceeded"
    await operations.put_metric_alarm(context, **metric_alarm(alarm_name="b", threshold=1.0))
    await operations.put_metric_alarm(make_context(), **metric_alarm(alarm_name="c"))
