"""Documentation of REST APIs: parts that belong to places of an API, and versions that keep them as they were.

parts (what a part is and where it may stand) → places (what an API has to be documented) → store (parts and versions).
"""
