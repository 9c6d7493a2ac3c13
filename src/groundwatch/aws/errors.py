"""The one family of errors that services raise; the codec alone renders them.

    ServiceError               a named error of a service model, or a common error of every AWS service
    ├── ValidationError        a shape constraint of the model was violated
    └── NotImplementedByServer the model has it, this server does not (yet)

A service raises `ServiceError(code, message)` with the code exactly as the service model or the AWS documentation
names it; the protocol decides spelling, envelope and, unless `status` says otherwise, the HTTP status.
"""

from __future__ import annotations

from collections.abc import Mapping


class ServiceError(Exception):
    """An answer that the caller is meant to see.

    `status` is the HTTP status; None leaves it to the protocol (the model's `error.httpStatusCode`, else 400 for a
    client's fault and 500 for the server's). `members` are further members of the modelled error shape.
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message
        self.status = status
        self.members = dict(members or {})


class ValidationError(ServiceError):
    """The input breaks constraints of the service model; the message lists all of them."""


class NotImplementedByServer(ServiceError):  # noqa: N818 - says what the server did, reads well in a raise
    """Refusal of something that the service model has and this server lacks."""

    def __init__(self, what: str) -> None:
        super().__init__("NotImplementedException", f"{what} is not implemented by Groundwatch.", status=501)
