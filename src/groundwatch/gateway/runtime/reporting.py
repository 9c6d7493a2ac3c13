"""What becomes known of an answered request: the server's own access log, figures, and the logs of the stage."""

from __future__ import annotations

import re
from collections.abc import Callable

from groundwatch.gateway.runtime.access import AccessLog, access_entry
from groundwatch.gateway.runtime.execution_log import StageLog
from groundwatch.gateway.runtime.log_format import LogFormat, Outcome
from groundwatch.gateway.runtime.stage_logs import Destination, StageLogs, truncated
from groundwatch.gateway.runtime.stages import Integrated, Located, Routed, exchange_of, reached
from groundwatch.gateway.runtime.traffic import TrafficCounts

MAX_FORMATS = 1000
_LOG_GROUP = re.compile(r"arn:[^:]+:logs:(?P<region>[^:]+):(?P<account>[^:]+):log-group:(?P<group>[^:]+)")


class Reporter:
    """Tells everyone who wants to know of a request; never waits and never raises for what a client sent."""

    def __init__(
        self, access_log: AccessLog, counts: TrafficCounts, logs: StageLogs, clock_ms: Callable[[], int]
    ) -> None:
        self._access_log = access_log
        self._counts = counts
        self._logs = logs
        self._clock_ms = clock_ms
        self._formats: dict[str, LogFormat] = {}

    def report(self, outcome: Outcome) -> None:
        """Report a request after its answer is made."""
        self._access_log.record(
            access_entry(outcome.stage, outcome.status, outcome.length_bytes, outcome.latency_ms, outcome.error)
        )
        located = reached(outcome.stage, Located)
        if located is None:
            return
        self._count(outcome, located)
        if located.stage.access_log_settings is not None:
            self._log_access(outcome, located)
        log = exchange_of(outcome.stage).log
        if log.active and isinstance(log, StageLog):
            self._log_execution(outcome, located, log)

    def _count(self, outcome: Outcome, located: Located) -> None:
        routed, integrated = reached(outcome.stage, Routed), reached(outcome.stage, Integrated)
        figures = self._counts.of_stage(located) if routed is None else self._counts.of(routed)
        figures.answered(outcome.status, outcome.latency_ms, None if integrated is None else integrated.latency_ms)

    def _log_access(self, outcome: Outcome, located: Located) -> None:
        settings, api = located.stage.access_log_settings, located.deployment.api
        if settings is None or not settings.destination_arn or not settings.format:
            return
        found = _LOG_GROUP.match(settings.destination_arn)
        # Checked when it was set, and again here: a line never leaves the account of its API.
        if found is None or (found["account"], found["region"]) != (api.account_id, api.region):
            return
        destination = Destination(api.account_id, api.region, _group(found["group"], located))
        self._logs.add(destination, self._clock_ms(), [self._format(settings.format).line(outcome)])

    def _format(self, text: str) -> LogFormat:
        known = self._formats.get(text)
        if known is None:
            if len(self._formats) >= MAX_FORMATS:
                self._formats.clear()
            known = self._formats[text] = LogFormat(text)
        return known

    def _log_execution(self, outcome: Outcome, located: Located, log: StageLog) -> None:
        api, exchange = located.deployment.api, exchange_of(outcome.stage)
        log.line(f"Method completed with status: {outcome.status}")
        group = _group(f"API-Gateway-Execution-Logs_{api.id}/{exchange.target.stage_name}", located)
        lines = [truncated(f"({exchange.request_id}) {line}") for line in log.lines]
        if lines:
            self._logs.add(Destination(api.account_id, api.region, group), self._clock_ms(), lines)


def _group(name: str, located: Located) -> str:
    """Return the log group: canaries have their own beside the stage's."""
    return f"{name}/Canary" if located.is_canary else name
