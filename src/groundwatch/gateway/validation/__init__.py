"""Bodies of requests against the models of an API."""
