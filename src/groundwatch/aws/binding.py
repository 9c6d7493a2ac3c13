"""Which operations of a model an object implements, and with which parameters, read from its method signatures.

An operation that keeps its input much as it comes may take members as `**members: Unpack[T]` of a `TypedDict`, so that
they are listed once and not in the signature and again in the body.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

import msgspec
from botocore import xform_name

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.aws.models import Operation, ServiceDescription

Method = Callable[..., Awaitable[object]]


class BoundOperation(msgspec.Struct, frozen=True):
    """An operation of the model and the method that implements it."""

    name: str
    method: Method
    parameters: Mapping[str, str]
    """Keyword argument by model member, for the members that the method takes."""
    refused_members: tuple[str, ...]
    """Members of the model that the method does not take."""

    async def call(self, context: RequestContext, params: Mapping[str, Any]) -> object:
        """Run the operation; raises `NotImplementedByServer` for a member that it does not take."""
        arguments = {}
        for member, value in params.items():
            argument = self.parameters.get(member)
            if argument is None:
                raise NotImplementedByServer(f"{self.name}.{member}")
            arguments[argument] = value
        return await self.method(context, **arguments)


def argument_name(member: str) -> str:
    """Return the keyword argument for a model member: snake case, with `_` behind Python's keywords."""
    name = str(xform_name(member))
    return f"{name}_" if keyword.iskeyword(name) else name


def bind_operations(service: ServiceDescription, operations: object) -> dict[str, BoundOperation]:
    """Return the operations that `operations` implements, by model name.

    Raises TypeError when a method takes a parameter that the model lacks, or demands one that the model does not.
    """
    bound = {}
    for name in service.operation_names:
        method = getattr(operations, xform_name(name), None)
        if method is not None:
            operation = service.find_operation(name)
            if operation is not None:
                bound[name] = _bind(operation, method)
    return bound


def _bind(operation: Operation, method: Method) -> BoundOperation:
    members = operation.input.members if operation.input is not None else {}
    required = operation.input.required if operation.input is not None else frozenset()
    by_argument = {argument_name(member): member for member in members}
    taken = {}
    for name, is_demanded in _arguments(method):
        member = by_argument.get(name)
        if member is None:
            raise TypeError(f"{operation.name} of the model has no member for the parameter '{name}'")
        if is_demanded and member not in required:
            raise TypeError(f"{operation.name}.{member} is optional in the model but '{name}' has no default")
        taken[member] = name
    refused = tuple(member for member in members if member not in taken)
    return BoundOperation(operation.name, method, taken, refused)


def _arguments(method: Method) -> Iterator[tuple[str, bool]]:
    """Yield the arguments that a method takes behind the request context, and whether it demands them."""
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            (members,) = get_args(get_type_hints(method)[parameter.name])
            yield from ((name, name in members.__required_keys__) for name in get_type_hints(members))
        else:
            yield parameter.name, parameter.default is parameter.empty
