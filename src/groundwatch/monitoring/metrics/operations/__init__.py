"""The operations of CloudWatch (API version 2010-08-01) that have to do with metrics, named as in the service model."""

from groundwatch.monitoring.metrics.operations.data import DataOperations
from groundwatch.monitoring.metrics.operations.image import ImageOperations
from groundwatch.monitoring.metrics.operations.listing import ListingOperations
from groundwatch.monitoring.metrics.operations.putting import PuttingOperations
from groundwatch.monitoring.metrics.operations.statistics import StatisticsOperations


class MetricOperations(PuttingOperations, ListingOperations, StatisticsOperations, DataOperations, ImageOperations):
    """All operations on metrics."""


__all__ = ["MetricOperations"]
