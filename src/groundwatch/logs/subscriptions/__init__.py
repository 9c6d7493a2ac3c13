"""Subscriptions: what matches a filter is delivered to Kinesis, Firehose or Lambda after it was stored.

    EventWriter ─ commits ─► Deliveries ─ references ─► DeliveryQueue ─► a Worker a subscription ─► Targets (the SDK)

The event store is the queue's memory: a queue entry says which batch was stored, not what is in it
(docs/decisions/0010-subscription-delivery.md).
"""
