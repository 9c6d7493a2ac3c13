"""CloudWatch: metrics, alarms."""
