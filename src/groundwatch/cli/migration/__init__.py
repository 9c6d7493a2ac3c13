"""Copying log groups between two endpoints of CloudWatch Logs, with what `groundwatch migrate` knows of each."""
