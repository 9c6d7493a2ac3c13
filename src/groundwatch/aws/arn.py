"""Amazon Resource Names as values."""

from __future__ import annotations

import msgspec


class Arn(msgspec.Struct, frozen=True):
    """The six parts of an ARN. Region and account may be empty; the resource keeps its own colons and slashes."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"


def parse_arn(text: str) -> Arn:
    """Return the parts of an ARN; raises ValueError that says which part is missing or empty."""
    parts = text.split(":", 5)
    if parts[0] != "arn":
        raise ValueError(f"'{text}' is not an ARN: it does not start with 'arn:'")
    if len(parts) < 6:
        raise ValueError(f"'{text}' is not an ARN: it has {len(parts)} of the six parts between colons")
    _, partition, service, region, account_id, resource = parts
    for name, part in (("partition", partition), ("service", service), ("resource", resource)):
        if not part:
            raise ValueError(f"'{text}' is not an ARN: its {name} is empty")
    return Arn(partition, service, region, account_id, resource)
