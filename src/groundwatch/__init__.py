"""CloudWatch Logs on your own ground: a log platform that speaks AWS, with an API Gateway front door."""
