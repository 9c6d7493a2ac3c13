"""What is wrong with a policy document."""

from __future__ import annotations


class MalformedPolicyError(Exception):
    """A document that is not a policy, or one with an element that this evaluator does not know.

    `message` is the sentence that IAM answers with; `detail` says more to whoever reads a log.
    """

    def __init__(self, message: str, detail: str | None = None) -> None:
        super().__init__(f"{message} ({detail})" if detail else message)
        self.message = message
        self.detail = detail
