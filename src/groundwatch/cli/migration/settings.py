"""Copying what a log group is: class, retention, tags, metric and subscription filters, and the alarms on its metrics.

What one end has and the other does not take is noted and left out; a second run changes only what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import botocore.exceptions
import msgspec

from groundwatch.cli.migration.ends import End

ALARM_MEMBERS = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile",
)  # fmt: skip
"""What DescribeAlarms tells and PutMetricAlarm takes."""
SUBSCRIPTION_MEMBERS = ("filterName", "filterPattern", "destinationArn", "roleArn", "distribution")
METRIC_MEMBERS = ("filterName", "filterPattern", "metricTransformations")


class Note(msgspec.Struct, frozen=True):
    """Something that was not copied, and why."""

    group: str
    what: str
    why: str


class SettingsCopy:
    """Copies groups from one end to the other."""

    def __init__(self, source: End, target: End) -> None:
        self._source = source
        self._target = target
        self.notes: list[Note] = []

    def copy(self, group: Mapping[str, Any]) -> None:
        """Make the group at the target, or make the one that is there like it."""
        name = str(group["logGroupName"])
        tags = self._tags(group)
        self._create(name, group, tags)
        if "retentionInDays" in group:
            self._target.logs.put_retention_policy(logGroupName=name, retentionInDays=group["retentionInDays"])
        else:
            self._target.logs.delete_retention_policy(logGroupName=name)
        for member, what in (("kmsKeyId", "the KMS key"), ("dataProtectionStatus", "the data protection policy")):
            if group.get(member):
                self.notes.append(Note(name, what, "is not copied: keys and policies are of their own account"))
        metrics = list(self._metric_filters(name))
        self._subscription_filters(name)
        self._alarms(name, metrics)

    def _tags(self, group: Mapping[str, Any]) -> dict[str, str]:
        arn = str(group["arn"]).removesuffix(":*")
        tags: dict[str, str] = self._source.logs.list_tags_for_resource(resourceArn=arn)["tags"]
        # Tags of AWS's own can be read and not set.
        return {key: value for key, value in tags.items() if not key.lower().startswith("aws:")}

    def _create(self, name: str, group: Mapping[str, Any], tags: dict[str, str]) -> None:
        words: dict[str, Any] = {"logGroupClass": group.get("logGroupClass", "STANDARD")}
        if tags:
            words["tags"] = tags
        logs = self._target.logs
        try:
            logs.create_log_group(logGroupName=name, **words)
        except logs.exceptions.ResourceAlreadyExistsException:
            if tags:
                found = next(iter(self._target.groups(name)))
                logs.tag_resource(resourceArn=str(found["arn"]).removesuffix(":*"), tags=tags)

    def _metric_filters(self, name: str) -> Iterator[Mapping[str, Any]]:
        for found in self._read(name, "metric filters", self._source, "describe_metric_filters", "metricFilters"):
            words = {member: found[member] for member in METRIC_MEMBERS}
            if self._put(name, f"the metric filter {found['filterName']}", self._target.logs.put_metric_filter, words):
                yield from found["metricTransformations"]

    def _subscription_filters(self, name: str) -> None:
        filters = self._read(
            name, "subscription filters", self._source, "describe_subscription_filters", "subscriptionFilters"
        )
        for found in filters:
            words = {member: found[member] for member in SUBSCRIPTION_MEMBERS if member in found}
            put = self._target.logs.put_subscription_filter
            self._put(name, f"the subscription filter {found['filterName']}", put, words)

    def _read(self, group: str, what: str, end: End, operation: str, member: str) -> Sequence[Mapping[str, Any]]:
        try:
            pages = end.logs.get_paginator(operation).paginate(logGroupName=group)
            return [found for page in pages for found in page[member]]
        except botocore.exceptions.ClientError as error:
            # What an end does not have at all, it has none of.
            if error.response["Error"]["Code"] != "NotImplementedException":
                self.notes.append(Note(group, what, f"cannot be read: {_reason(error)}"))
            return []

    def _put(self, group: str, what: str, put: Callable[..., object], words: Mapping[str, Any]) -> bool:
        try:
            put(logGroupName=group, **words)
        except botocore.exceptions.ClientError as error:
            self.notes.append(Note(group, what, _reason(error)))
            return False
        return True

    def _alarms(self, group: str, metrics: Sequence[Mapping[str, Any]]) -> None:
        for metric in metrics:
            words = {"MetricName": metric["metricName"], "Namespace": metric["metricNamespace"]}
            try:
                alarms = self._source.cloudwatch.describe_alarms_for_metric(**words)["MetricAlarms"]
                for alarm in alarms:
                    self._put_alarm(group, alarm)
            except botocore.exceptions.ClientError as error:
                self.notes.append(Note(group, f"alarms on {words['MetricName']}", f"cannot be read: {_reason(error)}"))

    def _put_alarm(self, group: str, alarm: Mapping[str, Any]) -> None:
        words = {member: alarm[member] for member in ALARM_MEMBERS if member in alarm}
        try:
            self._target.cloudwatch.put_metric_alarm(**words)
        except botocore.exceptions.ClientError as error:
            self.notes.append(Note(group, f"the alarm {alarm['AlarmName']}", _reason(error)))


def _reason(error: botocore.exceptions.ClientError) -> str:
    answer = error.response.get("Error", {})
    return f"{answer.get('Code', 'Unknown')}: {answer.get('Message', 'no message')}"
