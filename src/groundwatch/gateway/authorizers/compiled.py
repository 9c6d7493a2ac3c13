"""An authorizer of a deployment, its expressions parsed."""

from __future__ import annotations

from groundwatch.gateway.definition import Authorizer
from groundwatch.gateway.mapping.errors import MappingError, TemplateLimitError
from groundwatch.gateway.mapping.parameters import Message, Source, compile_request_parameters
from groundwatch.gateway.mapping.regex import Regex

_HEADER = "method.request.header."
_QUERY = "method.request.querystring."


class CompiledAuthorizer:
    """What is worked out once for all requests.

    Raises:
        MappingError: when an expression of the definition cannot be used.
    """

    def __init__(self, definition: Authorizer) -> None:
        self.definition = definition
        expressions = [part.strip() for part in (definition.identity_source or "").split(",") if part.strip()]
        self._sources: tuple[Source, ...] = tuple(_source(expression) for expression in expressions)
        self.header_spelling = {
            expression.removeprefix(_HEADER).lower(): expression.removeprefix(_HEADER)
            for expression in expressions
            if expression.startswith(_HEADER)
        }
        """Lower-case name of a header that the authorizer reads → the name as its owner writes it."""
        self._query_names = [each.removeprefix(_QUERY) for each in expressions if each.startswith(_QUERY)]
        pattern = definition.identity_validation_expression
        self._validation = Regex(pattern) if pattern else None
        self.ttl_ms = (definition.authorizer_result_ttl_in_seconds or 0) * 1000

    def identity(self, message: Message) -> tuple[str, ...] | None:
        """Return the values of all identity sources; None when one of them is missing or empty."""
        values = [source(message) for source in self._sources]
        return tuple(value[0] for value in values) if all(values) else None

    def is_repeated(self, message: Message) -> bool:
        """Tell whether a request has several values of an identity source, of which each reader may take another."""
        return any(len(message.header.get(name, ())) > 1 for name in self.header_spelling) or any(
            len(message.querystring.get(name, ())) > 1 for name in self._query_names
        )

    def accepts(self, text: str) -> bool:
        """Tell whether the validation expression, if there is one, matches the whole text."""
        try:
            return self._validation is None or self._validation.matches(text)
        except TemplateLimitError:
            # Too long a text for too large an expression: what cannot be judged has not the form that is asked for.
            return False


def _source(expression: str) -> Source:
    # Identity sources are the same expressions as those of request parameters, without `body`.
    if expression.startswith("method.request.body"):
        raise MappingError(f"Invalid identity source specified: {expression}")
    return compile_request_parameters({"integration.request.header.identity": expression})[0].source
