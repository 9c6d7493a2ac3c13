"""Filter patterns: one grammar, one typed syntax tree, two meanings (a Python predicate and a ClickHouse condition).

Here: unstructured terms and phrases. JSON, space-delimited and regular-expression patterns are refused by name until
they are built; a pattern that is not understood is never treated as one that matches.
"""
