"""The server's own metrics: what its rooms count, as CloudWatch metrics and as a page for Prometheus."""
