"""Metric filters: what matches a pattern becomes data points of a metric, minute by minute.

A filter is one more reader of the queue of deliveries (`logs/subscriptions/`): events are counted after they were
stored, in order, and again where a crash leaves open whether they were (docs/decisions/0010-subscription-delivery.md).
"""
