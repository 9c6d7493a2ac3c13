"""The functions of the query language, a file a family, and the table of all."""
