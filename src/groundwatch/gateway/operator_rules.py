"""What only the operator can say of names and networks: who may take which host name, where VPC links and logs lead.

On AWS a certificate proves that somebody owns a domain, and a VPC link ends in the owner's own network. Here anybody
who may create a domain could take the name by which others reach this server, and every address is one of the
operator's network.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class OperatorRules(msgspec.Struct, frozen=True):
    """The operator's word; the default lets every account take any name, and no VPC link lead anywhere."""

    domain_account: str | None = None
    """The account that may take any host name; None for all accounts."""
    domain_owners: Mapping[str, str] = {}
    """Domain → account that may take it and the names below it."""
    vpc_targets: Mapping[str, str] = {}
    """ARN of a load balancer → where it is, such as `http://10.0.0.5:8080`."""
    firehose: bool = False
    """Whether access logs may go to Firehose: there must be an endpoint for it."""

    def may_take(self, account_id: str, name: str) -> bool:
        """Tell whether an account may serve a host name, or all hosts that a wildcard stands for."""
        if self.domain_account in (None, account_id):
            return True
        labels = name.removeprefix("*.").split(".")
        below = (".".join(labels[start:]) for start in range(len(labels)))
        return any(self.domain_owners.get(domain) == account_id for domain in below)
