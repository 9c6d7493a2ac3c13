"""Step 3: begin the execution log, if the stage wants one for the method."""

from __future__ import annotations

from groundwatch.gateway.limits.settings import method_setting
from groundwatch.gateway.runtime.execution_log import StageLog
from groundwatch.gateway.runtime.stages import Routed


class StartLog:
    """Tells the request's log what to keep."""

    async def __call__(self, stage: Routed) -> Routed:
        """Return the stage as it is."""
        live = stage.located.stage
        if live.method_settings:
            exchange = stage.exchange
            setting = method_setting(live, stage.method.resource.path, exchange.method)
            log, level = exchange.log, setting.logging_level or "OFF"
            if level != "OFF" and isinstance(log, StageLog):
                log.begin(level, data_trace=setting.data_trace_enabled)
                log.line(f"Extended Request Id: {exchange.extended_request_id}")
        return stage
