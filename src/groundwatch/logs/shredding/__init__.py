"""Fields of JSON messages as columns of their own, filled in the background (docs/decisions/0024-shredded-fields.md).

What the columns say of an event is exactly what its message says, or the event is marked as one that they do not tell.
"""
