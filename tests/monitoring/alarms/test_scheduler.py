"""Evaluation on the clock: transitions, what they set off, and what a restart makes of them."""

import asyncio
import json

import pytest
from sqlalchemy import func, insert, select
from tests.monitoring.alarms.conftest import NOW_MS, TOPIC, metric_alarm

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms import evaluator, rows
from groundwatch.monitoring.alarms.changes import change_states
from groundwatch.monitoring.alarms.model import AlarmState, Place
from groundwatch.monitoring.alarms.scheduler import HISTORY_ITEMS, HISTORY_MS, SETTLE_MS, due_ticks, prune
from groundwatch.storage.tables.alarms import alarm_history

MINUTE_MS = 60_000
ACTIONS = {"alarm_actions": [TOPIC], "ok_actions": [TOPIC], "insufficient_data_actions": [TOPIC]}


async def shown(operations, context, name="errors"):
    return (await operations.describe_alarms(context, alarm_names=[name]))["MetricAlarms"][0]


def told(tower):
    return [message["subject"].partition(":")[0] for message in tower.topics.published]


async def test_the_life_of_an_alarm(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS))
    await tower.at(0)
    assert told(tower) == []
    tower.metrics.put("Errors", NOW_MS, 3)
    await tower.at(1)
    tower.metrics.put("Errors", NOW_MS + MINUTE_MS, 9)
    await tower.at(2)
    await tower.at(2.5)
    alarm = await shown(watched, context)
    assert (alarm["StateValue"], alarm["StateReason"]) == (
        "ALARM",
        "Threshold Crossed: 1 datapoint [9.0 (21/09/26 14:15:00)] was greater than the threshold (5.0).",
    )
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [9.0]
    # The last datapoint is judged again until it leaves the range.
    await tower.at(4)
    await tower.at(5)
    assert told(tower) == ["OK", "ALARM", "INSUFFICIENT_DATA"]
    history = (await watched.describe_alarm_history(context, scan_by="TimestampAscending"))["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [
        'Alarm "errors" created',
        "Alarm updated from INSUFFICIENT_DATA to OK",
        f"Successfully executed action {TOPIC}",
        "Alarm updated from OK to ALARM",
        f"Successfully executed action {TOPIC}",
        "Alarm updated from ALARM to INSUFFICIENT_DATA",
        f"Successfully executed action {TOPIC}",
    ]
    action = json.loads(history[2]["HistoryData"])
    assert action["actionState"] == "Succeeded"
    assert json.loads(json.loads(action["publishedMessage"])["default"])["NewStateValue"] == "OK"


async def test_windows_slide_by_the_minute(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(period=300, statistic="Sum"))
    for minute in range(2, 7):
        tower.metrics.put("Errors", NOW_MS + minute * MINUTE_MS, 2)
    await tower.at(7)
    assert "[10.0 (21/09/26 14:16:00)]" in (await shown(watched, context))["StateReason"]


async def test_short_periods_are_evaluated_every_ten_seconds(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(period=10))
    tower.metrics.put("Errors", NOW_MS, 9)
    await tower.at(1 / 6)
    assert (await shown(watched, context))["StateValue"] == "ALARM"


async def test_metric_math(tower, watched, context):
    stat = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "m", "MetricStat": stat, "ReturnData": False},
        {"Id": "e", "Expression": "m * 2", "Label": "twice"},
    ]
    single = {"metric_name": None, "namespace": None, "statistic": None, "period": None}
    await watched.put_metric_alarm(context, **metric_alarm(**single, metrics=queries, alarm_actions=[TOPIC]))
    tower.metrics.put("Errors", NOW_MS, 3)
    await tower.at(1)
    alarm = await shown(watched, context)
    assert (alarm["StateValue"], "[6.0 (" in alarm["StateReason"]) == ("ALARM", True)
    data = json.loads(alarm["StateReasonData"])
    assert "statistic" not in data
    assert data["evaluatedDatapoints"] == [{"timestamp": "2026-09-21T14:14:00.000+0000", "value": 6.0}]
    trigger = json.loads(json.loads(tower.topics.published[0]["message"])["default"])["Trigger"]
    assert [query["Id"] for query in trigger["Metrics"]] == ["m", "e"]
    tower.metrics.wrong_math = True
    await tower.at(2)
    alarm = await shown(watched, context)
    assert (alarm["StateValue"], alarm["EvaluationState"]) == ("ALARM", "EVALUATION_ERROR")
    # One time stamp for both (API reference, MetricAlarm).
    updated_s, transitioned_s = alarm["StateUpdatedTimestamp"], alarm["StateTransitionedTimestamp"]
    assert updated_s - transitioned_s == 60
    tower.metrics.wrong_math = False
    await tower.at(3)
    alarm = await shown(watched, context)
    assert ("EvaluationState" in alarm, alarm["StateUpdatedTimestamp"] - updated_s) == (False, 60)


async def test_math_that_goes_wrong_keeps_no_other_alarm_from_being_evaluated(tower, watched, context, monkeypatch):
    stat = {"Metric": {"Namespace": "App", "MetricName": "Errors"}, "Period": 60, "Stat": "Sum"}
    single = dict.fromkeys(("metric_name", "namespace", "statistic", "period"))
    queries = [{"Id": "m", "MetricStat": stat, "ReturnData": False}, {"Id": "e", "Expression": "m * 2"}]
    await watched.put_metric_alarm(context, **metric_alarm(alarm_name="math", **single, metrics=queries))
    await watched.put_metric_alarm(context, **metric_alarm())

    async def overflow(*_arguments, **_words):
        raise OverflowError("intermediate overflow in fsum")

    monkeypatch.setattr(tower.metrics, "evaluate", overflow)
    tower.metrics.put("Errors", NOW_MS, 9)
    await tower.at(1)
    alarms = (await watched.describe_alarms(context))["MetricAlarms"]
    assert [(alarm["StateValue"], alarm.get("EvaluationState")) for alarm in alarms] == [
        ("ALARM", None),
        ("INSUFFICIENT_DATA", "EVALUATION_ERROR"),
    ]


async def test_disabled_actions_are_not_carried_out(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS, actions_enabled=False))
    tower.metrics.put("Errors", NOW_MS, 9)
    await tower.at(1)
    assert ((await shown(watched, context))["StateValue"], told(tower)) == ("ALARM", [])


async def test_a_restart_neither_misses_nor_repeats(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS, treat_missing_data="notBreaching"))
    await tower.at(0)
    tower.metrics.put("Errors", NOW_MS, 9)
    # Down for ten minutes: by then the breach has left the range, but the alarm had gone off meanwhile.
    tower.restart()
    await tower.at(10)
    assert told(tower) == ["OK", "ALARM", "OK"]
    tower.restart()
    await tower.at(10)
    await tower.at(11)
    assert told(tower) == ["OK", "ALARM", "OK"]


@pytest.mark.parametrize(
    ("evaluation_s", "told_states"),
    [(10, ["OK", "ALARM", "OK"]), (70, ["OK"])],
    ids=["what passes meanwhile is made up for", "unless it never could be"],
)
async def test_a_long_replay(tower, watched, context, evaluation_s, told_states):
    words = {"treat_missing_data": "notBreaching", "period": 60}
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS | words))
    await tower.at(0)
    tower.restart()
    tower.clock.now_ms = NOW_MS + 30 * MINUTE_MS + SETTLE_MS
    # A breach while the replay of thirty minutes goes on, out of range by its end.
    tower.metrics.put("Errors", NOW_MS + 30 * MINUTE_MS, 9)
    tower.metrics.on_read = lambda: setattr(tower.clock, "now_ms", tower.clock.now_ms + evaluation_s * 1000)
    await tower.scheduler.run_due()
    tower.metrics.on_read = lambda: None
    await tower.scheduler.run_due()
    await tower.actions.drain()
    assert told(tower) == told_states


async def test_a_crash_before_the_message_is_out(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS))
    tower.metrics.put("Errors", NOW_MS, 9)
    tower.clock.now_ms = NOW_MS + MINUTE_MS + SETTLE_MS
    assert await tower.scheduler.run_due()
    tower.restart()
    assert await tower.actions.drain() == 1
    assert told(tower) == ["ALARM"]


async def test_a_crash_after_the_message_is_out_repeats_its_id(tower, watched, context, monkeypatch):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS))
    tower.metrics.put("Errors", NOW_MS, 9)
    tower.clock.now_ms = NOW_MS + MINUTE_MS + SETTLE_MS
    await tower.scheduler.run_due()

    async def dies(work):
        raise OSError("killed")

    with monkeypatch.context() as killed:
        killed.setattr(tower.database, "write", dies)
        with pytest.raises(OSError, match="killed"):
            await tower.actions.drain()
    tower.restart()
    await tower.actions.drain()
    first, second = tower.topics.published
    assert first["message_id"] == second["message_id"]


async def test_a_round_that_fails_ends_with_its_last_message(tower, watched, context, monkeypatch):
    for name in ("errors", "slow"):
        await watched.put_metric_alarm(context, **metric_alarm(alarm_name=name, **ACTIONS))
        await watched.set_alarm_state(context, alarm_name=name, state_value="ALARM", state_reason="test")
    publish, failed = tower.topics.publish, asyncio.Event()

    async def slow(**message):
        if "slow" in message["subject"]:
            await failed.wait()
        return await publish(**message)

    async def dies(work):
        asyncio.get_running_loop().call_later(0.01, failed.set)
        raise OSError("disk")

    monkeypatch.setattr(tower.topics, "publish", slow)
    monkeypatch.setattr(tower.database, "write", dies)
    with pytest.raises(OSError, match="disk"):
        await tower.actions.drain()
    # What went on behind the end of the round would publish beside the next one, and behind a stop.
    assert len(tower.topics.published) == 2


async def test_metrics_that_cannot_be_read_are_asked_again(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS))
    tower.metrics.put("Errors", NOW_MS, 9)
    tower.metrics.failing = True
    tower.clock.now_ms = NOW_MS + MINUTE_MS + SETTLE_MS
    assert not await tower.scheduler.run_due()
    tower.metrics.failing = False
    await tower.at(1.1)
    assert told(tower) == ["ALARM"]


async def test_what_cannot_be_evaluated_does_not_hold_up_the_others(tower, watched, context, monkeypatch):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS))
    await watched.put_metric_alarm(context, **metric_alarm(alarm_name="broken", metric_name="Broken"))
    monkeypatch.setattr(evaluator, "PAGE_ALARMS", 1)
    tower.metrics.broken = {"Broken"}
    tower.metrics.put("Errors", NOW_MS, 9)
    tower.clock.now_ms = NOW_MS + MINUTE_MS + SETTLE_MS
    assert [await tower.scheduler.run_due() for _ in range(3)] == [False, False, True]
    await tower.actions.drain()
    assert told(tower) == ["ALARM"]
    tower.metrics.broken = set()
    await tower.at(4)
    assert told(tower) == ["ALARM", "INSUFFICIENT_DATA"]


async def test_a_fault_of_ours_in_one_alarm_concerns_no_other(tower, watched, context, monkeypatch):
    for number in range(4):
        await watched.put_metric_alarm(context, **metric_alarm(alarm_name=f"a{number}", metric_name=f"M{number}"))
        tower.metrics.put(f"M{number}", NOW_MS, 9)
    read = tower.metrics.read

    async def read_most(requests):
        if any(request.metric.name == "M2" for request in requests):
            raise KeyError("a fault")
        return await read(requests)

    monkeypatch.setattr(tower.metrics, "read", read_most)
    tower.clock.now_ms = NOW_MS + MINUTE_MS + SETTLE_MS
    assert not await tower.scheduler.run_due()
    alarms = (await watched.describe_alarms(context))["MetricAlarms"]
    assert [alarm["StateValue"] for alarm in alarms] == ["ALARM", "ALARM", "INSUFFICIENT_DATA", "ALARM"]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (
            ServiceError("AuthorizationError", "no"),
            f"CloudWatch Alarms is not authorized to perform: SNS:Publish on resource:{TOPIC}",
        ),
        (ServiceError("NotFound", "Topic does not exist"), "NotFound: Topic does not exist"),
    ],
)
async def test_a_refused_message_is_in_the_history(tower, watched, context, trouble, error):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS))
    tower.metrics.put("Errors", NOW_MS, 9)
    tower.topics.trouble = [trouble]
    await tower.at(1)
    (item,) = (await watched.describe_alarm_history(context, history_item_type="Action"))["AlarmHistoryItems"]
    assert item["HistorySummary"] == f"Failed to execute action {TOPIC}"
    data = json.loads(item["HistoryData"])
    assert (data["error"], data["publishedMessage"]) == (error, None)


async def test_other_trouble_is_tried_again_later(tower, watched, context):
    await watched.put_metric_alarm(context, **metric_alarm(**ACTIONS))
    tower.metrics.put("Errors", NOW_MS, 9)
    tower.topics.trouble = [OSError("disk"), OSError("disk")]
    await tower.at(1)
    assert told(tower) == []
    await tower.at(1.1)
    await tower.at(1.2)
    assert told(tower) == ["ALARM"]


async def test_messages_keep_their_order_when_one_is_tried_again(tower, watched, context):
    other = TOPIC + "-too"
    actions = {"alarm_actions": [TOPIC, other], "ok_actions": [TOPIC]}
    await watched.put_metric_alarm(context, **metric_alarm(**actions))
    tower.topics.trouble = [OSError("disk")]
    for value in ("ALARM", "OK"):
        await watched.set_alarm_state(context, alarm_name="errors", state_value=value, state_reason="test")
        await tower.actions.drain()
    # What goes to other topics does not wait for it.
    assert [(message["topic_arn"], message["subject"][:2]) for message in tower.topics.published] == [(other, "AL")]
    tower.topics.published.clear()
    tower.clock.now_ms += 1_000
    await tower.actions.drain()
    assert told(tower) == ["ALARM", "OK"]
    assert await tower.actions.drain() == 0


async def test_an_alarm_that_was_changed_meanwhile_is_left_alone(tower, watched, context, own_database):
    await watched.put_metric_alarm(context, **metric_alarm())
    place = Place(context.account_id, context.region)
    stale = await own_database.read(lambda connection: rows.find(connection, place, "errors"))
    await watched.put_metric_alarm(context, **metric_alarm(threshold=100.0))
    state = AlarmState("ALARM", "old", None, NOW_MS, NOW_MS)
    assert await own_database.write(lambda connection: change_states(connection, [(stale, state)], NOW_MS)) == 0


@pytest.mark.parametrize(
    ("last_min", "now_min", "ticks_min"),
    [
        (None, 5.5, [5]),
        (5, 5.9, []),
        (5, 6, []),
        (5, 6.1, [6]),
        (5, 8.2, [6, 7, 8]),
        (0, 600.1, [*range(1, 61), 600]),
        (7, 6.1, []),
    ],
)
def test_the_moments_to_evaluate(last_min, now_min, ticks_min):
    last_ms = None if last_min is None else last_min * MINUTE_MS
    assert [tick / MINUTE_MS for tick in due_ticks(last_ms, 60, round(now_min * MINUTE_MS))] == ticks_min


async def test_history_does_not_grow_for_ever(own_database):
    def item(number, at_ms, name):
        place = {"account_id": "111122223333", "region": "us-east-1", "name": name, "kind": "MetricAlarm"}
        return place | {"at_ms": at_ms, "item_type": "StateUpdate", "summary": str(number), "data": "{}"}

    items = [item(number, NOW_MS, "busy") for number in range(HISTORY_ITEMS + 10)]
    items += [item(0, NOW_MS - HISTORY_MS - 1, "old"), item(0, NOW_MS - HISTORY_MS, "old")]
    await own_database.write(lambda connection: connection.execute(insert(alarm_history), items))
    await own_database.write(lambda connection: prune(connection, NOW_MS))
    query = select(alarm_history.c.name, func.count().label("items")).group_by(alarm_history.c.name)
    left = await own_database.read(lambda connection: {row.name: row.items for row in connection.execute(query)})
    assert left == {"busy": HISTORY_ITEMS, "old": 1}
