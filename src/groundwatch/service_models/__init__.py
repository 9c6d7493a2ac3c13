"""Models of the services that this server has beside those of AWS, in the form and the layout of botocore's data."""

from __future__ import annotations

from pathlib import Path

SEARCH_PATH = Path(__file__).parent
"""Where botocore's loader finds them."""
