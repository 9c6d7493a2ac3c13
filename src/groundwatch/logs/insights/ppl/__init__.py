"""The Piped Processing Language of OpenSearch, parsed into the same tree as Insights' own language."""
