"""What an alarm tells a topic when it changes its state: subject, JSON, and prose for mail.

Keys and their order are those of real messages; programs behind topics read them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import botocore.loaders
import msgspec

from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.alarms.model import Alarm
from groundwatch.monitoring.alarms.reasons import iso_ms, java_double, spelled_out

MAX_SUBJECT = 99
"""SNS takes subjects of fewer than 100 characters, printable ASCII."""
ELLIPSIS = "..."
DEFAULT_TREATMENT = "missing"


class Triggering(msgspec.Struct, frozen=True):
    """A child whose change set off a composite alarm."""

    arn: str
    state: State
    changed_ms: int


class StateChange(msgspec.Struct, frozen=True):
    """A change that an alarm has made; `alarm` is as it is after it."""

    alarm: Alarm
    old: State
    triggering: Sequence[Triggering] = ()


def subject_of(change: StateChange) -> str:
    """Return the subject line, with the name cut where it would be too long."""
    alarm = change.alarm
    frame = f'{alarm.state.value}: "{{}}" in {region_name(alarm.place.region)}'
    name = re.sub(r"[^\x20-\x7e]+", "_", alarm.name)
    # The two braces of the frame are no part of the subject.
    room = MAX_SUBJECT - len(frame) + 2
    return frame.format(name if len(name) <= room else name[: room - len(ELLIPSIS)] + ELLIPSIS)


def message_of(change: StateChange) -> str:
    """Return the message for a topic: JSON with a text for each kind of subscription (MessageStructure `json`)."""
    texts = {
        "default": msgspec.json.encode(notice_of(change)).decode(),
        "email": prose_of(change),
        "sms": subject_of(change),
    }
    return msgspec.json.encode(texts).decode()


def notice_of(change: StateChange) -> dict[str, Any]:
    """Return the JSON object that programs get."""
    alarm, members, state = change.alarm, change.alarm.members, change.alarm.state
    composite = alarm.kind == "CompositeAlarm"
    head = {
        "AlarmName": alarm.name,
        "AlarmDescription": members.get("AlarmDescription"),
        "AWSAccountId": alarm.place.account_id,
    }
    changed = {
        "NewStateValue": state.value,
        "NewStateReason": state.reason,
        "StateChangeTime": iso_ms(state.updated_ms),
        "Region": region_name(alarm.place.region),
        "AlarmArn": alarm.arn,
    }
    actions = {name: list(members[name]) for name in ("OKActions", "AlarmActions", "InsufficientDataActions")}
    # No mute rules here; the member is of every recent message.
    before: dict[str, Any] = {"OldStateValue": change.old, "ActionExecutedAfterMuteWindow": False}
    if composite:
        # Composite alarms have the same members in another order.
        return head | changed | actions | dict(reversed(before.items())) | _rule(change)
    configured = {"AlarmConfigurationUpdatedTimestamp": iso_ms(alarm.configured_ms)}
    return head | configured | changed | before | actions | {"Trigger": _trigger(alarm)}


def prose_of(change: StateChange) -> str:
    """Return the text for mail."""
    alarm, members, state = change.alarm, change.alarm.members, change.alarm.state
    region, moment = region_name(alarm.place.region), spelled_out(state.updated_ms)
    details = {
        "Name": alarm.name,
        "Description": members.get("AlarmDescription") or "",
        "State Change": f"{change.old} -> {state.value}",
        "Reason for State Change": state.reason,
        "Timestamp": moment,
        "AWS Account": alarm.place.account_id,
        "Alarm Arn": alarm.arn,
    }
    lists = {
        "OK": members["OKActions"],
        "ALARM": members["AlarmActions"],
        "INSUFFICIENT_DATA": members["InsufficientDataActions"],
    }
    actions = {name: f"[{', '.join(arns)}]" if arns else "" for name, arns in lists.items()}
    parts = [
        f'The alarm "{alarm.name}" in the {region} region is in the {state.value} state since "{moment}".',
        _section("Alarm Details", details),
        *_watched_prose(alarm),
        _section("State Change Actions", actions),
    ]
    return "\n\n".join(parts) + "\n"


@lru_cache(maxsize=64)
def region_name(region: str) -> str:
    """Return the long name of a Region, such as `US East (N. Virginia)`; of unknown ones the short name."""
    for partition in botocore.loaders.Loader().load_data("partitions")["partitions"]:
        known = partition["regions"].get(region)
        if known is not None:
            return str(known["description"])
    return region


def _trigger(alarm: Alarm) -> dict[str, Any]:
    members = alarm.members
    common = {
        "Period": members.get("Period"),
        "EvaluationPeriods": members["EvaluationPeriods"],
        "DatapointsToAlarm": members.get("DatapointsToAlarm"),
        "ComparisonOperator": members["ComparisonOperator"],
        "Threshold": float(members["Threshold"]),
        "TreatMissingData": members.get("TreatMissingData", ""),
        "EvaluateLowSampleCountPercentile": members.get("EvaluateLowSampleCountPercentile", ""),
    }
    # Absent when never set, while other members are empty texts then.
    if common["DatapointsToAlarm"] is None:
        del common["DatapointsToAlarm"]
    if "Metrics" in members:
        queries = [_query(query, alarm.place.account_id) for query in members["Metrics"]]
        return common | {"Period": period_of(members), "Metrics": queries}
    statistic = members.get("Statistic")
    return {
        "MetricName": members["MetricName"],
        "Namespace": members["Namespace"],
        **(
            {"StatisticType": "Statistic", "Statistic": upper_statistic(statistic)}
            if statistic
            else {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": members["ExtendedStatistic"]}
        ),
        "Unit": members.get("Unit"),
        "Dimensions": lower_dimensions(members["Dimensions"]),
        **common,
    }


def _query(query: Mapping[str, Any], account_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if "Expression" in query:
        shown["Expression"] = query["Expression"]
    shown["Id"] = query["Id"]
    if "Label" in query:
        shown["Label"] = query["Label"]
    stat = query.get("MetricStat")
    if stat is not None:
        metric = stat["Metric"]
        shown["MetricStat"] = {
            "Metric": {
                "Dimensions": lower_dimensions(metric.get("Dimensions", [])),
                "MetricName": metric.get("MetricName"),
                "Namespace": metric.get("Namespace"),
            },
            "Period": stat["Period"],
            "Stat": stat["Stat"],
            **({"Unit": stat["Unit"]} if "Unit" in stat else {}),
        }
    shown["ReturnData"] = query.get("ReturnData", True)
    if stat is not None:
        return shown | {"AccountId": query.get("AccountId", account_id)}
    return shown | ({"Period": query["Period"]} if "Period" in query else {})


def _rule(change: StateChange) -> dict[str, Any]:
    members = change.alarm.members
    shown: dict[str, Any] = {
        "AlarmRule": members["AlarmRule"],
        "TriggeringChildren": [
            {"Arn": child.arn, "State": {"Value": child.state, "Timestamp": iso_ms(child.changed_ms)}}
            for child in change.triggering
        ],
    }
    names = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    return shown | {name: members[name] for name in names if name in members}


def _watched_prose(alarm: Alarm) -> list[str]:
    members = alarm.members
    if alarm.kind == "CompositeAlarm":
        return [f"Alarm Rule:\n{members['AlarmRule']}"]
    periods = members["EvaluationPeriods"]
    threshold = (
        f"Threshold:\n- The alarm is in the ALARM state when the metric is {members['ComparisonOperator']} "
        f"{java_double(members['Threshold'])} for at least {members.get('DatapointsToAlarm', periods)} of the last "
        f"{periods} period(s) of {period_of(members)} seconds."
    )
    if "Metrics" in members:
        queries = {
            query["Id"]: query.get("Expression") or _stat_prose(query["MetricStat"]) for query in members["Metrics"]
        }
        return [threshold, _section("Monitored Metrics", queries)]
    metric = {
        "MetricNamespace": members["Namespace"],
        "MetricName": members["MetricName"],
        "Dimensions": _dimensions_prose(members["Dimensions"]),
        "Period": f"{members['Period']} seconds",
        "Statistic": members.get("Statistic") or members["ExtendedStatistic"],
        "Unit": members.get("Unit", "not specified"),
        "TreatMissingData": members.get("TreatMissingData", DEFAULT_TREATMENT),
    }
    return [threshold, _section("Monitored Metric", metric)]


def _stat_prose(stat: Mapping[str, Any]) -> str:
    metric = stat["Metric"]
    place = f"{metric.get('Namespace')} {metric.get('MetricName')} {_dimensions_prose(metric.get('Dimensions', []))}"
    return f"{stat['Stat']} of {place} over {stat['Period']} seconds"


def _dimensions_prose(dimensions: Sequence[Mapping[str, str]]) -> str:
    shown = (f"{held['Name']} = {held['Value']}" for held in dimensions)
    return f"[{', '.join(shown)}]"


def _section(title: str, lines: Mapping[str, object]) -> str:
    width = max(map(len, lines)) + 1
    return "\n".join([f"{title}:", *(f"- {f'{name}:'.ljust(width)} {value}".rstrip() for name, value in lines.items())])


def lower_dimensions(dimensions: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return dimensions as messages and history write them."""
    return [{"value": held["Value"], "name": held["Name"]} for held in dimensions]


@lru_cache(maxsize=16)
def upper_statistic(statistic: str) -> str:
    """Return a statistic as messages and history write it: `AVERAGE`, `SAMPLE_COUNT`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", statistic).upper()


def period_of(members: Mapping[str, Any]) -> int:
    """Return the period of a metric alarm in seconds; the periods of a math alarm's queries are all the same."""
    if "Period" in members:
        return cast("int", members["Period"])
    stated = [query["MetricStat"]["Period"] for query in members["Metrics"] if "MetricStat" in query]
    stated += [query["Period"] for query in members["Metrics"] if "Period" in query]
    return cast("int", stated[0])
