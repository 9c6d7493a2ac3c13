"""Setting states by hand, and switching actions on and off."""

from __future__ import annotations

import json

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.alarms.operations.room import Operations, place_of


class StateOperations(Operations):
    """SetAlarmState, EnableAlarmActions, DisableAlarmActions."""

    async def set_alarm_state(
        self,
        context: RequestContext,
        *,
        alarm_name: str,
        state_value: State,
        state_reason: str,
        state_reason_data: str | None = None,
    ) -> None:
        """Give an alarm a state until its next evaluation, and carry out its actions if that is a change."""
        if state_reason_data is not None:
            _check_json(state_reason_data)
        await self._alarms.alarms.set_state(place_of(context), alarm_name, state_value, state_reason, state_reason_data)
        # Whoever sets a state by hand is trying out what it sets off, and waits for it.
        self._alarms.wake()

    async def enable_alarm_actions(self, context: RequestContext, *, alarm_names: list[str]) -> None:
        """Let changes of state carry out actions; unknown names are passed over."""
        await self._alarms.alarms.enable_actions(place_of(context), alarm_names, enabled=True)

    async def disable_alarm_actions(self, context: RequestContext, *, alarm_names: list[str]) -> None:
        """Let changes of state carry out no actions; unknown names are passed over."""
        await self._alarms.alarms.enable_actions(place_of(context), alarm_names, enabled=False)


def _check_json(text: str) -> None:
    try:
        json.loads(text, parse_constant=_no_json)
    # Brackets nested some thousand deep exhaust the stack of the parser.
    except (ValueError, RecursionError) as error:
        raise ServiceError("InvalidFormat", f"StateReasonData is not valid JSON: {error}") from error


def _no_json(constant: str) -> object:
    # Python reads NaN and Infinity, and the history, which holds the data as an object, would be no JSON either.
    raise ValueError(f"{constant} is no JSON")
