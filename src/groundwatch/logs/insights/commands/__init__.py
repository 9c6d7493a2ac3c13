"""The commands of the query language, a file each, and the table of all."""
