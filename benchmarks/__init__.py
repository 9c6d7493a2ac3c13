"""Measures Groundwatch beside its yardsticks, in one run on one machine: `python -m benchmarks` or `make bench`."""
