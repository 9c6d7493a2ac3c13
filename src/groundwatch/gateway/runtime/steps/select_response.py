"""Step 8: which integration response fits the backend's answer."""

from __future__ import annotations

from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.compiled import CompiledResponse
from groundwatch.gateway.runtime.errors import configuration_error
from groundwatch.gateway.runtime.stages import Integrated, Selected


class SelectResponse:
    """Compares the backend's status with the selection patterns, in order of definition; proxies have none."""

    async def __call__(self, stage: Integrated) -> Selected:
        """Raise 500 when nothing fits and there is no default, or when the method does not declare the status."""
        method = stage.previous.routed.method
        if method.is_proxy:
            return Selected(stage, None)
        text = stage.answer.match_text
        try:
            response = _fitting(method.responses, text)
        except MappingError as error:
            raise configuration_error(str(error)) from error
        if response is None:
            raise configuration_error(
                "No match for output mapping and no default output mapping configured. "
                f"Endpoint Response Status Code: {stage.answer.status}"
            )
        if not response.is_declared:
            raise configuration_error(
                f"Output mapping refers to an invalid method response: {response.definition.status_code}"
            )
        return Selected(stage, response)


def _fitting(responses: tuple[CompiledResponse, ...], text: str | None) -> CompiledResponse | None:
    default: CompiledResponse | None = None
    for response in responses:
        if response.pattern is None:
            default = default or response
        elif text is not None and response.pattern.matches(text):
            return response
    return default
