"""The operations of CloudWatch Logs (API version 2014-03-28), one method each, named as in the service model."""

from groundwatch.logs.operations.events import EventOperations
from groundwatch.logs.operations.groups import GroupOperations
from groundwatch.logs.operations.live_tail import LiveTailOperations
from groundwatch.logs.operations.room import LogsRoom
from groundwatch.logs.operations.streams import StreamOperations
from groundwatch.logs.operations.tags import TagOperations


class LogsOperations(GroupOperations, StreamOperations, EventOperations, TagOperations, LiveTailOperations):
    """All operations of the service, for the service port."""


__all__ = ["LogsOperations", "LogsRoom"]
