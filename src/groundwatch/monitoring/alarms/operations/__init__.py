"""The operations on alarms of CloudWatch (API version 2010-08-01), one method each, named as in the service model."""

from groundwatch.monitoring.alarms.operations.configuration import ConfigurationOperations
from groundwatch.monitoring.alarms.operations.listing import ListingOperations
from groundwatch.monitoring.alarms.operations.room import AlarmsRoom
from groundwatch.monitoring.alarms.operations.states import StateOperations
from groundwatch.monitoring.alarms.operations.tags import TagOperations


class AlarmOperations(ConfigurationOperations, ListingOperations, StateOperations, TagOperations):
    """All operations on alarms; those on metrics stand beside them in the service."""


__all__ = ["AlarmOperations", "AlarmsRoom"]
