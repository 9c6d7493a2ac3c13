"""Step 5: what the method's validator demands."""

from __future__ import annotations

from groundwatch.gateway.definition import RequestValidator
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.media import JSON, for_type, mime
from groundwatch.gateway.runtime.stages import Admitted, Routed, Validated

_LOCATIONS = ("header", "path", "querystring")
"""The order in which the service lists missing parameters."""


class Validate:
    """Checks that required parameters are there."""

    async def __call__(self, stage: Admitted) -> Validated:
        """Raise 400 that lists the missing parameters; 500 where a body would have to be checked against a model."""
        routed = stage.previous.previous
        validator = _validator(routed)
        if validator is not None and validator.validate_request_parameters:
            missing = [name for location in _LOCATIONS for name in _missing(routed, location)]
            if missing:
                names = ", ".join(missing)
                raise GatewayError("BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{names}]")
        if validator is not None and validator.validate_request_body:
            _refuse_models(routed)
        return Validated(stage)


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


def _refuse_models(routed: Routed) -> None:
    """Refuse to go on where a model applies: an unchecked body must not pass for a checked one."""
    models = routed.method.definition.request_models
    content_type = mime(routed.exchange.last_header("content-type")) or JSON
    found = for_type(models, content_type) or for_type(models, "$default")
    if found is None:
        return
    model = routed.located.deployment.api.models.get(found[1])
    if model is None or model.schema:
        raise configuration_error(f"validation of bodies against a model ({found[1]}) is not implemented")
