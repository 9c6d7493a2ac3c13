"""What an import found wrong: errors refuse the document, warnings do so only on request."""

from __future__ import annotations

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.errors import bad_request

INVALID_INPUT = "Invalid OpenAPI input."


class Findings:
    """Collects every error and warning of one import, so that the author sees them all at once."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def copy(self) -> Findings:
        """Return a separate collection with the same content."""
        other = Findings()
        other.errors.extend(self.errors)
        other.warnings.extend(self.warnings)
        return other

    def error(self, message: str) -> None:
        """Note something that makes the document unusable."""
        self.errors.append(message)

    def warning(self, message: str) -> None:
        """Note something that was left out."""
        self.warnings.append(message)

    def raise_errors(self, *, fail_on_warnings: bool) -> None:
        """Raise BadRequestException when there is an error, or a warning and `fail_on_warnings`."""
        if self.errors:
            raise _report("Errors found during import:", self.errors)
        if self.warnings and fail_on_warnings:
            raise _report("Warnings found during import:", self.warnings)


def _report(heading: str, lines: list[str]) -> ServiceError:
    return bad_request("".join([heading, *(f"\n\t{line}" for line in lines)]))
