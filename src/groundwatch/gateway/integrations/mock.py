"""MOCK: nothing is called; the request template names the status that the responses are selected by."""

from __future__ import annotations

import re

import msgspec

from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.stages import MappedRequest

_LENIENT = re.compile(r"\s*\{\s*['\"]?statusCode['\"]?\s*:\s*(\d{1,4})\s*[,}]")


class MockIntegration:
    """Answers with the status code in the rendered request template and an empty body."""

    async def integrate(self, mapped: MappedRequest) -> IntegrationAnswer:
        """Raise a configuration error when the template gives no integer `statusCode`."""
        status = _status_code(mapped.body)
        return IntegrationAnswer(status=status, headers=(), body=b"", match_text=str(status), traced=False)


def _status_code(body: bytes) -> int:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The service reads JSON leniently: keys without quotes are common in definitions.
        match = _LENIENT.match(body.decode("utf-8", "replace"))
        if match is None:
            raise _no_status() from error
        return int(match.group(1))
    status = document.get("statusCode") if isinstance(document, dict) else None
    if type(status) is not int:
        raise _no_status()
    return status


def _no_status() -> GatewayError:
    return configuration_error(
        "Unable to parse statusCode. It should be an integer that is defined in the request template."
    )
