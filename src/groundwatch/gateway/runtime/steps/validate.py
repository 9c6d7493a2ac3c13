"""Step 5: the body without its content coding, and what the method's validator demands."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from groundwatch.gateway.definition import RequestValidator
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.codings import CodingError, DecodedTooLargeError, decoded
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error, invalid_body
from groundwatch.gateway.runtime.media import JSON, for_type, mime
from groundwatch.gateway.runtime.stages import Admitted, Routed, Validated
from groundwatch.gateway.validation.keywords import BudgetError
from groundwatch.gateway.validation.schemas import TOO_COMPLEX, ApiSchemas, ModelSchema

INLINE_STEPS = 300
"""What a check may use on the event loop: a few milliseconds."""
INLINE_BYTES = 16 * 1024
"""Bodies up to this size are tried on the event loop first."""
_LOCATIONS = ("header", "path", "querystring")
"""The order in which the service lists missing parameters."""


class Validate:
    """Checks required parameters and bodies; long checks run in `executor`."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def __call__(self, stage: Admitted) -> Validated:
        """Raise 400 for missing parameters and invalid bodies, 413 for a body that is too large once decoded."""
        routed = stage.previous.previous
        validator = _validator(routed)
        if validator is not None and validator.validate_request_parameters:
            missing = [name for location in _LOCATIONS for name in _missing(routed, location)]
            if missing:
                names = ", ".join(missing)
                raise GatewayError("BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{names}]")
        body = _body(routed)
        if validator is not None and validator.validate_request_body:
            await self._check(routed, body)
        return Validated(stage, body)

    async def _check(self, routed: Routed, body: bytes) -> None:
        content_type = mime(routed.exchange.last_header("content-type")) or JSON
        models = routed.method.definition.request_models
        found = for_type(models, content_type) or for_type(models, "$default")
        if found is None:
            return
        try:
            problems = await self._problems(await self._schema(routed.located.deployment.schemas, found[1]), body)
        except MappingError as error:
            raise configuration_error(str(error)) from error
        if problems:
            raise invalid_body(content_type, problems)

    async def _schema(self, schemas: ApiSchemas, name: str) -> ModelSchema:
        known = schemas.known(name)
        if known is not None:
            return known
        # An API may have megabytes of models.
        return await asyncio.get_running_loop().run_in_executor(self._executor, schemas.get, name)

    async def _problems(self, schema: ModelSchema, body: bytes) -> list[str]:
        if len(body) <= INLINE_BYTES:
            try:
                return schema.problems(body, INLINE_STEPS)
            except BudgetError:
                pass  # Too much for the loop; the thread decides whether it is too much altogether.
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, schema.problems, body)
        except BudgetError:
            return [TOO_COMPLEX]


def _body(routed: Routed) -> bytes:
    """Return the payload; codings are only undone for APIs with compression, as in the service."""
    exchange = routed.exchange
    if routed.located.deployment.api.minimum_compression_size is None:
        return exchange.request.body
    try:
        body, _ = decoded(exchange.request.body, exchange.request.header("content-encoding"))
    except DecodedTooLargeError as error:
        raise GatewayError("REQUEST_TOO_LARGE", reason=str(error)) from error
    except CodingError as error:
        raise GatewayError("BAD_REQUEST_BODY", reason=f"the body cannot be decoded: {error}") from error
    return body


def _validator(routed: Routed) -> RequestValidator | None:
    wanted = routed.method.definition.request_validator_id
    if not wanted:
        return None
    validator = routed.located.deployment.api.request_validators.get(wanted)
    if validator is None:
        raise configuration_error(f"request validator {wanted} does not exist")
    return validator


def _missing(routed: Routed, location: str) -> list[str]:
    prefix = f"method.request.{location}."
    required = routed.method.definition.request_parameters.items()
    names = [name.removeprefix(prefix) for name, needed in required if needed and name.startswith(prefix)]
    return [name for name in names if not _value(routed, location, name).strip()]


def _value(routed: Routed, location: str, name: str) -> str:
    if location == "path":
        return routed.path_parameters.get(name, "")
    values = routed.exchange.headers.get(name.lower()) if location == "header" else routed.exchange.query.get(name)
    return values[-1] if values else ""
