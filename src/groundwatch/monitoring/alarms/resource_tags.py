"""Tags of alarms, as policies see them."""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.aws.context import RequestContext
from groundwatch.monitoring.alarms.model import Place
from groundwatch.monitoring.alarms.rules import ALARM_ARN
from groundwatch.monitoring.alarms.store import AlarmStore


class AlarmTags:
    """Implements the source of `aws:ResourceTag/…` for alarms."""

    def __init__(self, alarms: AlarmStore) -> None:
        self._alarms = alarms

    async def tags_of(self, context: RequestContext, resource: str) -> Mapping[str, str]:
        """Return the tags of the alarm that an ARN names."""
        found = ALARM_ARN.fullmatch(resource)
        if found is None or (found["region"], found["account"]) != (context.region, context.account_id):
            return {}
        alarm = await self._alarms.find(Place(context.account_id, context.region), found["name"])
        return {} if alarm is None else alarm.tags
