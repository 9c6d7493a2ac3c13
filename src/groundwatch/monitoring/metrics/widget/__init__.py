"""Metric widgets: a graph of metrics as a picture."""
