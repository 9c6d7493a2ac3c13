"""What a function of the query language consists of: a row of the table of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast

import msgspec

from groundwatch.logs.insights.errors import Span, malformed
from groundwatch.logs.insights.nodes import Expression, Period, Text
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.values import Kind, Value, as_condition, as_number, as_text, as_time

ParameterKind = Literal["number", "text", "time", "condition", "any", "document", "period", "constant"]


class Argument(msgspec.Struct, frozen=True):
    """An argument as it is written, and its value unless it is a period of time."""

    node: Expression
    value: Value | None


class Parameter(msgspec.Struct, frozen=True):
    """What an argument is taken as."""

    name: str
    kind: ParameterKind
    optional: bool = False
    repeated: bool = False


class Checked(msgspec.Struct, frozen=True):
    """The arguments of a call that has the right number of them, converted; `sql` is empty for periods."""

    pipeline: Pipeline
    span: Span
    sql: Sequence[str]
    values: Sequence[Value]
    nodes: Sequence[Expression]

    def constant(self, index: int) -> str:
        """Return the text of a string in the query."""
        return self.text(index).value

    def text(self, index: int) -> Text:
        """Return a string in the query."""
        return cast("Text", self.nodes[index])

    def period(self, index: int) -> Period:
        """Return a period of time."""
        return cast("Period", self.nodes[index])


class Function(msgspec.Struct, frozen=True):
    """A function: its parameters, and the SQL of a call."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Kind
    sql: str | Callable[[Checked], str | Value]
    """A template in which `{0}` stands for the first argument, or what makes the SQL from a call."""
    help: str
    aliases: tuple[str, ...] = ()

    def apply(self, pipeline: Pipeline, arguments: Sequence[Argument], span: Span) -> Value:
        """Return the value of a call; `MalformedQueryException` for arguments that do not fit."""
        self._check_count(len(arguments), span)
        pairs = [(self._parameter(index), argument) for index, argument in enumerate(arguments)]
        values = [_value(self, parameter, argument, pipeline) for parameter, argument in pairs]
        sql = [_converted(parameter, value, pipeline) for (parameter, _), value in zip(pairs, values, strict=True)]
        call = Checked(pipeline, span, sql, values, [argument.node for argument in arguments])
        made = self.sql.format(*sql) if isinstance(self.sql, str) else self.sql(call)
        return made if isinstance(made, Value) else Value(self.result, made)

    @property
    def signature(self) -> str:
        """How it is called, for people."""
        words = [f"{p.name}, …" if p.repeated else f"[{p.name}]" if p.optional else p.name for p in self.parameters]
        return f"{self.name}({', '.join(words)})"

    def _parameter(self, index: int) -> Parameter:
        return self.parameters[min(index, len(self.parameters) - 1)]

    def _check_count(self, count: int, span: Span) -> None:
        least = sum(not parameter.optional for parameter in self.parameters)
        most = 100 if self.parameters and self.parameters[-1].repeated else len(self.parameters)
        if not least <= count <= most:
            raise malformed(f"{self.signature} does not take {count} arguments", span)


def _value(function: Function, parameter: Parameter, argument: Argument, pipeline: Pipeline) -> Value:
    if (parameter.kind == "period") != (argument.value is None):
        wanted = "a period of time, such as 5m" if parameter.kind == "period" else "a value"
        raise malformed(f"{function.signature}: {parameter.name} must be {wanted}", argument.node.span)
    if parameter.kind == "constant" and not isinstance(argument.node, Text):
        raise malformed(f"{function.signature}: {parameter.name} must be a string", argument.node.span)
    return Value("text", "") if argument.value is None else pipeline.shared_value(argument.value)


def _converted(parameter: Parameter, value: Value, pipeline: Pipeline) -> str:
    match parameter.kind:
        case "number":
            return pipeline.shared(as_number(value))
        case "time":
            return pipeline.shared(as_time(value))
        case "condition":
            return pipeline.shared(as_condition(value))
        case "text" | "constant":
            return pipeline.shared(as_text(value))
        case "document":
            # A field that holds a structure is one itself; text may hold one.
            text = as_text(value)
            return pipeline.shared(f"ifNull({text}, ifNull({value.sql}, ''))" if value.kind == "json" else text)
        case _:
            return value.sql


def texts(*names: str) -> tuple[Parameter, ...]:
    """Return parameters that take text."""
    return tuple(Parameter(name, "text") for name in names)


def numbers(*names: str) -> tuple[Parameter, ...]:
    """Return parameters that take numbers."""
    return tuple(Parameter(name, "number") for name in names)
