"""The issuer behind a user pool: AWS's own, or the one that the operator put in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from groundwatch.aws.arn import parse_arn


@dataclass(frozen=True, slots=True)
class Issuer:
    """Where tokens come from."""

    name: str
    """Exactly as in the `iss` claim of its tokens; the address of its discovery document begins with it."""
    trusted: bool
    """True when the operator named it, so that it may be at any address."""


class IssuerDirectory:
    """Issuers by the ARN or the id of a user pool, as the operator's setting `jwt_issuers` has them."""

    def __init__(self, issuers: Mapping[str, str]) -> None:
        self._issuers = dict(issuers)

    def of_pool(self, pool_arn: str) -> Issuer:
        """Return the issuer of a user pool; one that the operator does not name is Amazon Cognito's.

        Raises:
            ValueError: for text that is not the ARN of a user pool.
        """
        arn = parse_arn(pool_arn)
        pool = arn.resource.removeprefix("userpool/")
        if arn.service != "cognito-idp" or pool == arn.resource or not pool:
            raise ValueError(f"'{pool_arn}' is not the ARN of a user pool")
        named = self._issuers.get(pool_arn) or self._issuers.get(pool)
        if named is not None:
            return Issuer(named, trusted=True)
        return Issuer(f"https://cognito-idp.{arn.region}.amazonaws.com/{pool}", trusted=False)
