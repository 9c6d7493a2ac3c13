"""Filter patterns: one grammar, one typed syntax tree, and what a tree means.

`parse_pattern` reads the whole language: terms, regular expressions, JSON patterns and space-delimited ones. A tree
compiles to a Python predicate (`compile_predicate`: live tail, subscription filters) and to a ClickHouse condition
(`compile_condition`: FilterLogEvents), which a property test holds equal; it prints (`pattern_text`) and explains
itself (`explain`). A node without a meaning raises; nothing that is not understood ever matches. See
docs/filter-patterns.md.
"""
