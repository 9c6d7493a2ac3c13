"""The runtime of deployed REST APIs: from an HTTP request to the answer of a stage."""
