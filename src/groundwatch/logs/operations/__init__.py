"""The operations of CloudWatch Logs (API version 2014-03-28), one method each, named as in the service model."""

from groundwatch.logs.operations.destinations import DestinationOperations
from groundwatch.logs.operations.events import EventOperations
from groundwatch.logs.operations.exports import ExportOperations
from groundwatch.logs.operations.group_fields import GroupFieldOperations
from groundwatch.logs.operations.groups import GroupOperations
from groundwatch.logs.operations.live_tail import LiveTailOperations
from groundwatch.logs.operations.lookup_tables import LookupTableOperations
from groundwatch.logs.operations.metric_filters import MetricFilterOperations
from groundwatch.logs.operations.policies import PolicyOperations
from groundwatch.logs.operations.queries import QueryOperations
from groundwatch.logs.operations.query_definitions import QueryDefinitionOperations
from groundwatch.logs.operations.records import RecordOperations
from groundwatch.logs.operations.room import LogsRoom
from groundwatch.logs.operations.scheduled_queries import ScheduledQueryOperations
from groundwatch.logs.operations.streams import StreamOperations
from groundwatch.logs.operations.subscriptions import SubscriptionOperations
from groundwatch.logs.operations.tags import TagOperations


class LogsOperations(
    GroupOperations,
    StreamOperations,
    EventOperations,
    DestinationOperations,
    TagOperations,
    LiveTailOperations,
    ExportOperations,
    RecordOperations,
    SubscriptionOperations,
    MetricFilterOperations,
    PolicyOperations,
    QueryOperations,
    QueryDefinitionOperations,
    ScheduledQueryOperations,
    GroupFieldOperations,
    LookupTableOperations,
):
    """All operations of the service, for the service port."""


__all__ = ["LogsOperations", "LogsRoom"]
