"""What a method calls: one module an integration type, listed in `table`."""
