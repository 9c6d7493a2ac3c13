"""CloudWatch Logs: operations, the event store and filter patterns."""
