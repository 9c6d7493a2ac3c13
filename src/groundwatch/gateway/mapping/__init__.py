"""Mapping: the template language, JSONPath, and parameter expressions that turn one message into another.

Everything here is pure: text and values go in, text and values come out. Templates and expressions are written by API
owners and are treated as hostile: no template reaches a Python attribute, and every evaluation has a budget.
"""
