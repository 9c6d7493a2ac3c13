"""SQL as CloudWatch Logs has it: one SELECT, parsed into the same tree as Insights' own language."""
