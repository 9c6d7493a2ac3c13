"""The wire: service models, protocols, signatures, errors and ARNs. Knows nothing of what a service does."""
