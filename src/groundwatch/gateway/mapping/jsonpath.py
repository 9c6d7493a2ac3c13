"""Evaluation of JSONPath over parsed JSON, as Jayway does it: definite paths give a value, others a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from groundwatch.gateway.mapping import jsonpath_nodes as nodes
from groundwatch.gateway.mapping.budget import CHARACTERS_PER_COMPARISON, Budget
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.jsonpath_parser import parse_path
from groundwatch.gateway.mapping.regex import Regex
from groundwatch.gateway.mapping.values import VtlValue, is_number

__all__ = ["PathCache", "evaluate", "parse_path"]


class PathCache:
    """Keeps the paths of one template parsed; bounded, since a template can make paths from data."""

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._parsed: dict[str, nodes.Path] = {}

    def get(self, text: str) -> nodes.Path:
        """Return the parsed path."""
        found = self._parsed.get(text)
        if found is None:
            if len(self._parsed) >= self._capacity:
                self._parsed.clear()
            found = self._parsed[text] = parse_path(text)
        return found


def evaluate(path: nodes.Path, document: VtlValue, budget: Budget) -> VtlValue:
    """Return what the path finds: for a definite path the value or None, else a list, empty when nothing matches.

    Raises:
        TemplateLimitError: when the search takes more than the budget.
        MappingError: when a function meets values that it is not for.
    """
    return _Search(document, budget).result(path, document)


class _Search:
    def __init__(self, root: VtlValue, budget: Budget) -> None:
        self._root = root
        self._budget = budget

    def result(self, path: nodes.Path, start: VtlValue) -> VtlValue:
        steps = path.steps
        if steps and isinstance(steps[-1], nodes.Function):
            argument = self.result(nodes.Path(steps[:-1], relative=path.relative), start)
            self._budget.charge(len(argument) if isinstance(argument, list | dict) else 1)
            return _apply_function(steps[-1].name, argument)
        found = self._find(steps, start)
        if path.definite:
            return found[0] if found else None
        return found

    def _find(self, steps: tuple[nodes.Step, ...], start: VtlValue) -> list[VtlValue]:
        current = [start]
        descend = False
        for step in steps:
            if isinstance(step, nodes.Descend):
                descend = True
                continue
            sources = self._below(current) if descend else iter(current)
            current = [found for value in sources for found in self._apply(step, value)]
            descend = False
            if not current:
                break
        return current

    def _below(self, values: list[VtlValue]) -> Iterator[VtlValue]:
        """Yield every value and all that it contains, parents first."""
        stack = list(reversed(values))
        while stack:
            value = stack.pop()
            self._budget.charge(1)
            yield value
            if isinstance(value, dict):
                stack.extend(reversed(value.values()))
            elif isinstance(value, list):
                stack.extend(reversed(value))

    def _apply(self, step: nodes.Step, value: VtlValue) -> list[VtlValue]:
        self._budget.charge(1)
        match step:
            case nodes.Names(names):
                self._budget.charge(len(names) - 1)
                return [value[name] for name in names if name in value] if isinstance(value, dict) else []
            case nodes.Indexes(indexes):
                self._budget.charge(len(indexes) - 1)
                return _at(value, indexes) if isinstance(value, list) else []
            case nodes.Slice(first, last):
                return self._charged(value[first:last]) if isinstance(value, list) else []
            case nodes.Wildcard():
                return self._charged(_members(value))
            case nodes.Filter(condition):
                candidates = value if isinstance(value, list) else [value]
                return [item for item in candidates if self._holds(condition, item)]
        raise MappingError("a function is only possible at the end of a JSONPath")

    def _charged(self, items: list[VtlValue]) -> list[VtlValue]:
        self._budget.charge(len(items))
        return items

    def _holds(self, condition: nodes.Condition, item: VtlValue) -> bool:
        self._budget.charge(1)
        match condition:
            case nodes.AnyOf(operands):
                return any(self._holds(operand, item) for operand in operands)
            case nodes.AllOf(operands):
                return all(self._holds(operand, item) for operand in operands)
            case nodes.Negation(operand):
                return not self._holds(operand, item)
            case nodes.Exists(path):
                return bool(self._find(path.steps, item if path.relative else self._root))
            case nodes.Matches(left, regex):
                text = self._operand(left, item)
                return isinstance(text, str) and self._matches(text, regex)
            case nodes.Comparison(operator, left, right):
                first, second = self._operand(left, item), self._operand(right, item)
                self._charge_comparison(first, second)
                return _COMPARISONS[operator](first, second)

    def _charge_comparison(self, left: VtlValue, right: VtlValue) -> None:
        if isinstance(right, list):
            self._budget.charge(len(right))
        elif isinstance(left, str) and isinstance(right, str):
            self._budget.charge(min(len(left), len(right)) // CHARACTERS_PER_COMPARISON)

    def _matches(self, text: str, regex: Regex) -> bool:
        cost = regex.cost(text)
        self._budget.charge(cost)
        return regex.matches(text, cost)

    def _operand(self, operand: nodes.Path | nodes.Value, item: VtlValue) -> VtlValue:
        if isinstance(operand, nodes.Value):
            return operand.value
        return self.result(operand, item if operand.relative else self._root)


def _at(items: list[VtlValue], indexes: tuple[int, ...]) -> list[VtlValue]:
    return [items[index] for index in indexes if -len(items) <= index < len(items)]


def _members(value: VtlValue) -> list[VtlValue]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _same(left: VtlValue, right: VtlValue) -> bool:
    # Python takes true for 1; JSON does not. Containers are never literals here, so they are only equal to themselves.
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return left is right
    return bool(left == right)


def _less(left: VtlValue, right: VtlValue) -> bool:
    if (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        return bool(left < right)
    return False


def _one_of(left: VtlValue, right: VtlValue) -> bool:
    return isinstance(right, list) and any(_same(left, item) for item in right)


_COMPARISONS: dict[str, Callable[[VtlValue, VtlValue], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<": _less,
    ">": lambda left, right: _less(right, left),
    "<=": lambda left, right: _less(left, right) or (_same(left, right) and left is not None),
    ">=": lambda left, right: _less(right, left) or (_same(left, right) and left is not None),
    "in": _one_of,
    "nin": lambda left, right: not _one_of(left, right),
}


def _apply_function(name: str, value: VtlValue) -> VtlValue:
    if name in ("length", "size"):
        return len(value) if isinstance(value, list | dict | str) else None
    if name == "keys":
        return list(value) if isinstance(value, dict) else None
    try:
        numbers = [float(item) for item in value if is_number(item)] if isinstance(value, list) else []
    except OverflowError as error:
        raise MappingError(f"JSONPath function {name}() of a number too large for a double") from error
    if not numbers:
        raise MappingError(f"JSONPath function {name}() of something without numbers")
    return _AGGREGATES[name](numbers)


_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "min": min,
    "max": max,
    "sum": sum,
    "avg": lambda numbers: sum(numbers) / len(numbers),
}
