"""How often who may call: token buckets, quotas of usage plans, and their order."""
