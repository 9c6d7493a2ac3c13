"""Composite alarms: what they follow, what holds their actions, and what they may not depend on."""

import pytest
from sqlalchemy import select
from tests.monitoring.alarms.conftest import TOPIC, metric_alarm

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms.changes import end_periods
from groundwatch.monitoring.alarms.store import MAX_LEVELS
from groundwatch.storage.tables.alarms import alarm_actions


@pytest.fixture
async def children(operations, context):
    for name in ("a", "b", "night"):
        await operations.put_metric_alarm(context, **metric_alarm(alarm_name=name))
    return context


async def shown(operations, context, name):
    answer = await operations.describe_alarms(
        context, alarm_names=[name], alarm_types=["CompositeAlarm", "MetricAlarm"]
    )
    return (answer["CompositeAlarms"] + answer["MetricAlarms"])[0]


async def set_state(operations, context, name, value):
    await operations.set_alarm_state(context, alarm_name=name, state_value=value, state_reason="test")


async def subjects(database, context):
    columns = alarm_actions.c
    query = select(columns.subject).where(columns.account_id == context.account_id).order_by(columns.id)
    return await database.read(lambda connection: list(connection.execute(query).scalars()))


async def test_a_rule_is_evaluated_at_once_and_with_every_child(operations, children, database, clock):
    context = children
    arn = f"arn:aws:cloudwatch:us-east-1:{context.account_id}:alarm:"
    await operations.put_composite_alarm(
        context, alarm_name="both", alarm_rule="ALARM(a) AND ALARM(b)", alarm_actions=[TOPIC], ok_actions=[TOPIC]
    )
    assert (await shown(operations, context, "both"))["StateReason"] == (
        f"{arn}both was created and its alarm rule evaluates to OK"
    )
    await set_state(operations, context, "a", "ALARM")
    assert (await shown(operations, context, "both"))["StateValue"] == "OK"
    clock.now_ms += 1000
    await set_state(operations, context, "b", "ALARM")
    both = await shown(operations, context, "both")
    assert (both["StateValue"], both["StateReason"]) == (
        "ALARM",
        f"{arn}b transitioned to ALARM at Monday 21 September, 2026 14:14:01 UTC",
    )
    assert f'{{"arn":"{arn}b","state":{{"value":"ALARM"' in both["StateReasonData"]
    await set_state(operations, context, "a", "OK")
    assert await subjects(database, context) == [
        f'{state}: "both" in US East (N. Virginia)' for state in ("OK", "ALARM", "OK")
    ]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param('{"triggeringAlarms": "none"}', id="of another form"),
        pytest.param(
            '{"triggeringAlarms": [{"arn": "a", "state": {"value": "ALARM", "timestamp": "noon"}}]}', id="no time"
        ),
        pytest.param(
            '{"triggeringAlarms": [{"arn": "a", "state": {"value": "ALARM", "timestamp": "0001-01-01"}}]}',
            id="a time without a zone, of long ago",
        ),
    ],
)
async def test_whatever_reason_data_a_state_is_set_with(operations, children, database, data):
    context = children
    await operations.put_composite_alarm(context, alarm_name="both", alarm_rule="ALARM(a)", alarm_actions=[TOPIC])
    await operations.set_alarm_state(
        context, alarm_name="both", state_value="ALARM", state_reason="test", state_reason_data=data
    )
    assert (await shown(operations, context, "both"))["StateReasonData"] == data
    assert await subjects(database, context) == ['ALARM: "both" in US East (N. Virginia)']


async def test_composites_of_composites(operations, children):
    context = children
    await operations.put_composite_alarm(context, alarm_name="one", alarm_rule="ALARM(a) OR ALARM(b)")
    await operations.put_composite_alarm(context, alarm_name="two", alarm_rule="NOT OK(one)")
    await set_state(operations, context, "a", "ALARM")
    assert (await shown(operations, context, "two"))["StateValue"] == "ALARM"
    # By hand it stays so until a child changes.
    await set_state(operations, context, "two", "OK")
    await set_state(operations, context, "b", "ALARM")
    assert (await shown(operations, context, "two"))["StateValue"] == "OK"
    await set_state(operations, context, "a", "OK")
    await set_state(operations, context, "b", "OK")
    assert (await shown(operations, context, "two"))["StateValue"] == "OK"


async def test_actions_wait_and_are_suppressed(operations, children, database, clock):
    context = children
    await operations.put_composite_alarm(
        context,
        alarm_name="held",
        alarm_rule="ALARM(a)",
        alarm_actions=[TOPIC],
        ok_actions=[TOPIC],
        actions_suppressor="night",
        actions_suppressor_wait_period=10,
        actions_suppressor_extension_period=20,
    )

    async def after(seconds):
        clock.now_ms += seconds * 1000
        await database.write(lambda connection: end_periods(connection, clock()))
        return (await shown(operations, context, "held")).get("ActionsSuppressedBy"), await subjects(database, context)

    assert await after(9) == ("WaitPeriod", [])
    assert await after(1) == (None, ['OK: "held" in US East (N. Virginia)'])
    await set_state(operations, context, "a", "ALARM")
    await set_state(operations, context, "night", "ALARM")
    suppressed, sent = await after(100)
    assert (suppressed, len(sent)) == ("Alarm", 1)
    await set_state(operations, context, "night", "OK")
    suppressed, sent = await after(19)
    assert (suppressed, len(sent)) == ("ExtensionPeriod", 1)
    assert await after(1) == (
        None,
        ['OK: "held" in US East (N. Virginia)', 'ALARM: "held" in US East (N. Virginia)'],
    )


FAULTS = [
    ({"alarm_rule": "ALARM(none)"}, "ValidationError", "in the alarm rule do not exist"),
    ({"alarm_rule": "ALARM(c)"}, "ValidationError", "cannot have a child relation with itself"),
    ({"alarm_rule": "true"}, "ValidationError", "Unsupported token 'true' at char 0"),
    ({"alarm_name": "a"}, "ValidationError", "An alarm of another type has the name a"),
    ({"actions_suppressor": "night"}, "MissingParameter", "ActionsSuppressorWaitPeriod is required"),
    ({"actions_suppressor_wait_period": 1}, "ValidationError", "cannot be specified without ActionsSuppressor"),
    (
        {
            "actions_suppressor": "none",
            "actions_suppressor_wait_period": 1,
            "actions_suppressor_extension_period": 1,
        },
        "ValidationError",
        "the suppressor none does not exist",
    ),
    ({"alarm_actions": ["arn:aws:lambda:us-east-1:1:function:f"]}, "NotImplementedException", "lambda"),
]


@pytest.mark.parametrize(("words", "code", "message"), FAULTS, ids=[row[2] for row in FAULTS])
async def test_refused(operations, children, words, code, message):
    with pytest.raises(ServiceError) as refused:
        await operations.put_composite_alarm(children, **({"alarm_name": "c", "alarm_rule": "ALARM(a)"} | words))
    assert refused.value.code == code
    assert message in str(refused.value)


async def test_cycles_are_refused(operations, children):
    context = children
    await operations.put_composite_alarm(context, alarm_name="one", alarm_rule="ALARM(a)")
    await operations.put_composite_alarm(context, alarm_name="two", alarm_rule="ALARM(one)")
    await operations.put_composite_alarm(context, alarm_name="three", alarm_rule="ALARM(two) OR OK(b)")
    with pytest.raises(ServiceError, match="circular dependency"):
        await operations.put_composite_alarm(context, alarm_name="one", alarm_rule="ALARM(three)")
    with pytest.raises(ServiceError, match="circular dependency"):
        await operations.put_composite_alarm(
            context,
            alarm_name="one",
            alarm_rule="ALARM(a)",
            actions_suppressor="two",
            actions_suppressor_wait_period=1,
            actions_suppressor_extension_period=1,
        )


async def test_what_others_depend_on_cannot_be_deleted(operations, children):
    context = children
    await operations.put_composite_alarm(context, alarm_name="one", alarm_rule="ALARM(a) OR ALARM(b)")
    await operations.put_composite_alarm(context, alarm_name="two", alarm_rule="ALARM(night)")
    for names, message in (
        (["a"], "Cannot delete a as there are composite alarm(s) depending on it."),
        (["a", "b"], "Cannot delete a,b as there are composite alarm(s) depending on them."),
        (["one", "two"], "A call can delete at most one composite alarm."),
    ):
        with pytest.raises(ServiceError) as refused:
            await operations.delete_alarms(context, alarm_names=names)
        assert (refused.value.code, refused.value.message) == ("ValidationError", message)
    await operations.delete_alarms(context, alarm_names=["one", "a", "none"])
    left = await operations.describe_alarms(context, alarm_types=["CompositeAlarm", "MetricAlarm"])
    assert [alarm["AlarmName"] for alarm in left["MetricAlarms"] + left["CompositeAlarms"]] == ["b", "night", "two"]


async def put_chain(operations, context, first, last):
    for number in range(first, last):
        rule = "ALARM(a)" if number == 0 else f"ALARM(c{number - 1})"
        await operations.put_composite_alarm(context, alarm_name=f"c{number}", alarm_rule=rule)


async def test_a_chain_of_composite_alarms_has_an_end(operations, children):
    await put_chain(operations, children, 0, MAX_LEVELS)
    with pytest.raises(ServiceError) as refused:
        await put_chain(operations, children, MAX_LEVELS, MAX_LEVELS + 1)
    assert refused.value.code == "LimitExceeded"
    # Wherever the chain is made longer.
    await operations.put_composite_alarm(children, alarm_name="low", alarm_rule="ALARM(b)")
    with pytest.raises(ServiceError, match=f"more than {MAX_LEVELS} levels"):
        await operations.put_composite_alarm(children, alarm_name="c0", alarm_rule="ALARM(a) OR ALARM(low)")
    await operations.put_composite_alarm(children, alarm_name="c0", alarm_rule="ALARM(a) OR ALARM(b)")
    await set_state(operations, children, "b", "ALARM")
    assert (await shown(operations, children, f"c{MAX_LEVELS - 1}"))["StateValue"] == "ALARM"
