"""Decisions by a policy document that comes with a request, such as the answer of an authorizer of the gateway."""

from __future__ import annotations

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.identity.calls import Call, CallKeys
from groundwatch.identity.policy.document import parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.policy.evaluate import Decision, PolicyRequest, PolicySet, evaluate
from groundwatch.identity.policy.library import PolicyLibrary
from groundwatch.identity.policy.principals import Caller

_HOLDER = "document"


class DocumentEvaluator:
    """Reads and evaluates documents that are attached to nobody. Documents have no Principal, as those of users."""

    def __init__(self) -> None:
        self._library = PolicyLibrary()

    def fault(self, document: str) -> str | None:
        """Return what is wrong with a document, None when nothing is."""
        try:
            parse_policy(document, "identity")
        except MalformedPolicyError as error:
            return error.message
        return None

    def decide(self, context: RequestContext, check: AccessCheck, document: str) -> Decision:
        """Return the decision of the document alone. Conditions see the context's principal, whoever that is."""
        # To the evaluation the holder is somebody of the resource's account, so that the document alone counts.
        holder = Caller(arn=_HOLDER, kind="User", account_id=context.account_id)
        request = PolicyRequest(
            holder, check.action, check.resource, CallKeys(Call(context, check)), resource_account=context.account_id
        )
        return evaluate(request, PolicySet(identity=(self._library.read(document, "identity"),)))
