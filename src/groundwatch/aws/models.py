"""Service models: what operations a service has, read from botocore's data or our own and compiled for the codecs.

Only botocore's loader and model classes are used; its sessions and clients are never imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from groundwatch import service_models
from groundwatch.aws.shapes import BotocoreModel, Shape, ShapeCompiler

ProtocolName = Literal["json", "query", "rest-json", "smithy-rpc-v2-cbor"]


@dataclass(slots=True, frozen=True, eq=False)
class Operation:
    """One operation of a service, ready to parse and to serialize."""

    name: str
    method_name: str
    """The snake-case name of the Python method that implements it."""
    http_method: str
    request_uri: str
    """Path pattern with labels, and possibly query literals (`/restapis?mode=import`)."""
    success_status: int
    input: Shape | None
    output: Shape | None
    result_wrapper: str | None
    """The XML element around the output's members (query protocol)."""
    error_codes: frozenset[str]
    """Names of the error shapes that the model lists for the operation."""
    is_unsigned: bool
    """True for operations that take no signature (AssumeRoleWithWebIdentity)."""
    has_event_stream: bool


class ErrorShape(msgspec.Struct, frozen=True):
    """A modelled error: how it is spelled and with which status it travels."""

    name: str
    """The shape's name, such as `NoSuchEntityException`."""
    code: str
    """The name on the wire, such as `NoSuchEntity`."""
    status: int
    is_server_fault: bool
    shape: Shape


class ServiceDescription:
    """A compiled service model. Operations are compiled when first asked for.

    `document` is the content of a `service-2.json`.
    """

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        model = ServiceModel(document, service_name=name)
        metadata = model.metadata
        self.name = name
        self.protocol: ProtocolName = metadata["protocol"]
        self.protocols: tuple[ProtocolName, ...] = tuple(metadata.get("protocols") or (self.protocol,))
        self.is_query_compatible = "awsQueryCompatible" in metadata
        self.api_version: str = metadata.get("apiVersion", "")
        self.json_version: str = str(metadata.get("jsonVersion", "1.0"))
        self.target_prefix: str = metadata.get("targetPrefix", "")
        self.xml_namespace: str = metadata.get("xmlNamespace", "")
        self.endpoint_prefix: str = metadata.get("endpointPrefix", self.name)
        self.signing_name: str = metadata.get("signingName", self.endpoint_prefix)
        self.operation_names: tuple[str, ...] = tuple(model.operation_names)
        self._model = model
        # botocore's shapes do not tell which errors are the server's fault.
        self._faults = frozenset(key for key, shape in document["shapes"].items() if shape.get("fault"))
        self._names = frozenset(self.operation_names)
        self._compiler = ShapeCompiler()
        self._operations: dict[str, Operation] = {}

    def find_operation(self, name: str) -> Operation | None:
        """Return the operation called `name` (as in the model), or None."""
        known = self._operations.get(name)
        if known is None and name in self._names:
            known = self._operations[name] = self._compile(self._model.operation_model(name))
        return known

    def http_binding(self, name: str) -> tuple[str, str]:
        """Return HTTP method and path pattern of an operation without compiling it."""
        http = self._model.operation_model(name).http
        return http["method"], http["requestUri"]

    @cached_property
    def errors(self) -> dict[str, ErrorShape]:
        """Modelled errors by shape name and by wire code."""
        shapes = [self._compile_error(shape) for shape in self._model.error_shapes]
        return {error.code: error for error in shapes} | {error.name: error for error in shapes}

    @cached_property
    def unsigned_operations(self) -> frozenset[str]:
        """Operations that may be called without a signature."""
        return frozenset(name for name in self.operation_names if self._model.operation_model(name).auth_type == "none")

    def _compile(self, model: BotocoreModel) -> Operation:
        output = model.output_shape
        return Operation(
            name=model.name,
            method_name=xform_name(model.name),
            http_method=model.http.get("method", "POST"),
            request_uri=model.http.get("requestUri", "/"),
            success_status=model.http.get("responseCode", 200),
            input=self._compiler.compile(model.input_shape) if model.input_shape else None,
            output=self._compiler.compile(output) if output else None,
            result_wrapper=output.serialization.get("resultWrapper") if output else None,
            error_codes=frozenset(shape.name for shape in model.error_shapes),
            is_unsigned=model.auth_type == "none",
            has_event_stream=model.has_event_stream_output or model.has_event_stream_input,
        )

    def _compile_error(self, model: BotocoreModel) -> ErrorShape:
        details = model.metadata.get("error", {})
        is_fault = model.name in self._faults or bool(details.get("fault"))
        status = details.get("httpStatusCode", 500 if is_fault else 400)
        return ErrorShape(
            name=model.name,
            code=details.get("code", model.name),
            status=status,
            is_server_fault=is_fault or status >= 500,
            shape=self._compiler.compile(model),
        )


def load_service(name: str) -> ServiceDescription:
    """Return the newest model of a service by its directory's name: one of botocore's, or the server's own."""
    loader = Loader(extra_search_paths=[str(service_models.SEARCH_PATH)])
    return ServiceDescription(name, loader.load_service_model(name, "service-2"))
