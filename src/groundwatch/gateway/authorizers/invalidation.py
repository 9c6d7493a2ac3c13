"""`execute-api:InvalidateCache`: may this caller have a cached answer replaced?"""

from __future__ import annotations

from msgspec.structs import replace

from groundwatch.gateway.authorizers.guards import PolicyDecider
from groundwatch.gateway.authorizers.question import Question
from groundwatch.gateway.runtime.stages import Authorized

ACTION = "execute-api:InvalidateCache"


class InvalidationPolicies:
    """Asks the policies of callers who signed their request; everybody else may not."""

    def __init__(self, policies: PolicyDecider) -> None:
        self._policies = policies

    async def may_invalidate(self, stage: Authorized) -> bool:
        """Tell whether the caller is allowed the action on the method."""
        if stage.principal is None:
            return False
        question = Question.of(stage.previous)
        check = replace(question.check(), action=ACTION)
        return (await self._policies.decide(question.context(stage.principal), check, question.policy)).allowed
