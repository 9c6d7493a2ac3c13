"""The AWS protocols, each a codec between HTTP values and plain Python values. No I/O, no knowledge of any service."""
