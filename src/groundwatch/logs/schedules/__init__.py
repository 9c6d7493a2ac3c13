"""Scheduled queries: when they run, under which role, and where their results go."""
