"""Alarms: their configuration, evaluation, states, history and what they set off."""
