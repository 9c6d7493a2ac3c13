"""Metric math: expressions over series."""
