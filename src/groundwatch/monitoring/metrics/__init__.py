"""Metrics: what is put, how it is kept, and how it is read again."""
