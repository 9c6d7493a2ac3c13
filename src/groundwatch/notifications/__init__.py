"""SNS: topics, subscriptions, and the deliveries between them."""
