"""What becomes known of an answered request: the server's own access log, figures, and the logs of the stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from groundwatch.gateway.log_destinations import DeliveryStream, LogGroup, parse_destination
from groundwatch.gateway.runtime.access import AccessLog, access_entry
from groundwatch.gateway.runtime.context import backend_request_id
from groundwatch.gateway.runtime.execution_log import StageLog
from groundwatch.gateway.runtime.log_format import LogFormat, Outcome
from groundwatch.gateway.runtime.stage_logs import StageLogs, truncated
from groundwatch.gateway.runtime.stages import Integrated, Located, Routed, exchange_of, reached
from groundwatch.gateway.runtime.traffic import TrafficCounts

MAX_FORMATS = 1000


class Reporter:
    """Tells everyone who wants to know of a request; never waits and never raises for what a client sent."""

    def __init__(
        self,
        access_log: AccessLog,
        counts: TrafficCounts,
        logs: StageLogs[LogGroup],
        streams: StageLogs[DeliveryStream],
        clock_ms: Callable[[], int],
    ) -> None:
        self._access_log = access_log
        self._counts = counts
        self._logs = logs
        self._streams = streams
        self._clock_ms = clock_ms
        self._formats: dict[str, LogFormat] = {}

    def report(self, outcome: Outcome, stages: Mapping[type, Any]) -> None:
        """Report a request after its answer is made; `stages` are those of the outcome, as `stages_of` gives them."""
        self._access_log.record(
            access_entry(stages, outcome.status, outcome.length_bytes, outcome.latency_ms, outcome.error)
        )
        located: Located | None = stages.get(Located)
        if located is None:
            return
        self._count(outcome, located, stages.get(Routed), stages.get(Integrated))
        if located.stage.access_log_settings is not None:
            self._log_access(outcome, located)
        log = located.previous.exchange.log
        if log.active and isinstance(log, StageLog):
            self._log_execution(outcome, located, log)

    def _count(self, outcome: Outcome, located: Located, routed: Routed | None, integrated: Integrated | None) -> None:
        figures = self._counts.of_stage(located) if routed is None else self._counts.of(routed)
        figures.answered(outcome.status, outcome.latency_ms, None if integrated is None else integrated.latency_ms)

    def _log_access(self, outcome: Outcome, located: Located) -> None:
        settings, api = located.stage.access_log_settings, located.deployment.api
        if settings is None or not settings.destination_arn or not settings.format:
            return
        # Checked when it was set, and again here: a line never leaves the account of its API.
        destination = parse_destination(settings.destination_arn, api.account_id, api.region)
        if destination is None:
            return
        line = self._format(settings.format).line(outcome)
        if isinstance(destination, DeliveryStream):
            self._streams.add(destination, self._clock_ms(), [line])
        else:
            group = destination._replace(group=_group(destination.group, located))
            self._logs.add(group, self._clock_ms(), [line])

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
        integrated = reached(outcome.stage, Integrated)
        backend_id = None if integrated is None else backend_request_id(integrated)
        if backend_id is not None:
            log.line(f"AWS Integration Endpoint RequestId : {backend_id}")
        group = _group(f"API-Gateway-Execution-Logs_{api.id}/{exchange.target.stage_name}", located)
        lines = [truncated(f"({exchange.request_id}) {line}") for line in log.lines]
        if lines:
            self._logs.add(LogGroup(api.account_id, api.region, group), self._clock_ms(), lines)


def _group(name: str, located: Located) -> str:
    """Return the log group: canaries have their own beside the stage's."""
    return f"{name}/Canary" if located.is_canary else name
