"""What must hold of a transformation beside what the service model says; texts are the service's where they are known.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
"""

from __future__ import annotations

from collections.abc import Sequence

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.metric_filters.records import MAX_MAGNITUDE, SYSTEM_FIELDS, Transformation
from groundwatch.logs.metric_filters.tokens import canonical_token, dimension_token
from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.numbers import NUMBER, in_range

MAX_DIMENSIONS = 3
"""Of one filter, those of the system included."""
EXCLUSIVE = "Invalid metric transformation: dimensions and default value are mutually exclusive properties"


def check_transformation(pattern: nodes.Pattern, transformation: Transformation, system_fields: Sequence[str]) -> None:
    """Return when the pattern can give what the transformation asks for; `InvalidParameterException` otherwise."""
    if transformation.default_value is not None and (transformation.dimensions or system_fields):
        raise _invalid(EXCLUSIVE)
    if transformation.dimensions and not isinstance(pattern, nodes.Json | nodes.Fields):
        raise _invalid("The specified filter pattern does not support dimensions")
    _check_system_fields(system_fields)
    if len(transformation.dimensions) + len(system_fields) > MAX_DIMENSIONS:
        raise _invalid(f"Invalid metric transformation: at most {MAX_DIMENSIONS} dimensions are allowed")
    for token in transformation.dimensions.values():
        if dimension_token(pattern, token) is None:
            raise _invalid(f"Invalid metric transformation: {token} is no field that events of the filter pattern have")
    _check_magnitude(transformation.default_value or 0.0)
    value = transformation.metric_value
    if NUMBER.fullmatch(value) and in_range(value):
        _check_magnitude(float(value))
    elif canonical_token(pattern, value) is None:
        raise _invalid(
            f"Invalid metric transformation: {value} is neither a number nor a field that the filter pattern names"
        )


def _check_magnitude(number: float) -> None:
    if abs(number) > MAX_MAGNITUDE:
        raise _invalid(f"Invalid metric transformation: {number} is not between -2^360 and 2^360")


def _check_system_fields(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in SYSTEM_FIELDS]
    if unknown or len(set(names)) < len(names):
        known = ", ".join(SYSTEM_FIELDS)
        raise _invalid(f"Invalid emitSystemFieldDimensions: each of {known} may be named once")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
