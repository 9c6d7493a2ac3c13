"""The methods of java.lang.String that templates may call."""

from __future__ import annotations

import re
from collections.abc import Mapping

from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.evaluation import COMMON, Evaluation, integer, text_of
from groundwatch.gateway.mapping.values import Method, VtlList, VtlValue

_LONG_REPLACEMENT = 1024
_FORMAT = re.compile(r"%(?:%|-?\d{0,3}s|[-0]?\d{0,3}d)")


def _length(_run: Evaluation, text: str) -> int:
    return len(text)


def _substring(run: Evaluation, text: str, start: VtlValue, end: VtlValue = None) -> str:
    first, last = integer(start), len(text) if end is None else integer(end)
    if not 0 <= first <= last <= len(text):
        raise MappingError(f"substring({first}, {last}) of a string of {len(text)} characters")
    run.budget.charge_text(last - first)
    return text[first:last]


def _index_of(run: Evaluation, text: str, part: VtlValue, start: VtlValue = 0) -> int:
    run.budget.charge_text(len(text))
    return text.find(text_of(run, part), max(0, integer(start)))


def _last_index_of(run: Evaluation, text: str, part: VtlValue) -> int:
    run.budget.charge_text(len(text))
    return text.rfind(text_of(run, part))


def _contains(run: Evaluation, text: str, part: VtlValue) -> bool:
    run.budget.charge_text(len(text))
    return text_of(run, part) in text


def _starts_with(run: Evaluation, text: str, part: VtlValue) -> bool:
    return text.startswith(text_of(run, part))


def _ends_with(run: Evaluation, text: str, part: VtlValue) -> bool:
    return text.endswith(text_of(run, part))


def _equals_ignore_case(run: Evaluation, text: str, other: VtlValue) -> bool:
    return isinstance(other, str) and _lower(run, text) == _lower(run, other)


def _lower(run: Evaluation, text: str) -> str:
    run.budget.charge_text(len(text))
    return text.lower()


def _upper(run: Evaluation, text: str) -> str:
    run.budget.charge_text(len(text))
    return text.upper()


def _trim(run: Evaluation, text: str) -> str:
    run.budget.charge_text(len(text))
    return text.strip("".join(map(chr, range(33))))


def _replace(run: Evaluation, text: str, old: VtlValue, new: VtlValue) -> str:
    before, after = text_of(run, old), text_of(run, new)
    _charge_growth(run, text, text.count(before), len(after))
    return text.replace(before, after)


def _charge_growth(run: Evaluation, text: str, count: int, length: int) -> None:
    run.budget.charge_text(len(text) + count * length)


def _replace_all(run: Evaluation, text: str, pattern: VtlValue, replacement: VtlValue) -> str:
    return _regex_replace(run, text, pattern, replacement, first_only=False)


def _replace_first(run: Evaluation, text: str, pattern: VtlValue, replacement: VtlValue) -> str:
    return _regex_replace(run, text, pattern, replacement, first_only=True)


def _regex_replace(run: Evaluation, text: str, pattern: VtlValue, replacement: VtlValue, *, first_only: bool) -> str:
    new = text_of(run, replacement)
    run.budget.charge_text(len(text))
    if len(new) > _LONG_REPLACEMENT:
        raise MappingError(f"replacement has more than {_LONG_REPLACEMENT} characters")

    def charge(steps: int) -> None:
        # Every match may insert the replacement: its length is paid before the text exists.
        run.budget.charge(steps * (1 + len(new) // 16))

    regex = run.regexes.get(text_of(run, pattern), run.budget.charge)
    return regex.replace(text, new, charge, first_only=first_only)


def _split(run: Evaluation, text: str, pattern: VtlValue) -> VtlList:
    run.budget.charge_text(len(text))
    return VtlList(run.regexes.get(text_of(run, pattern), run.budget.charge).split(text, run.budget.charge))


def _matches(run: Evaluation, text: str, pattern: VtlValue) -> bool:
    run.budget.charge_text(len(text))
    regex = run.regexes.get(text_of(run, pattern), run.budget.charge)
    cost = regex.cost(text)
    run.budget.charge(cost)
    return regex.matches(text, cost)


def _concat(run: Evaluation, text: str, other: VtlValue) -> str:
    more = text_of(run, other)
    run.budget.charge_text(len(text) + len(more))
    return text + more


def _is_empty(_run: Evaluation, value: VtlValue) -> bool:
    return len(value) == 0


def _char_at(_run: Evaluation, text: str, index: VtlValue) -> str:
    position = integer(index)
    if not 0 <= position < len(text):
        raise MappingError(f"charAt({position}) of a string of {len(text)} characters")
    return text[position]


def _compare_to(run: Evaluation, text: str, other: VtlValue) -> int:
    that = text_of(run, other)
    return int(text > that) - int(text < that)


def _format(run: Evaluation, _receiver: str, template: VtlValue, *arguments: VtlValue) -> str:
    """Java's static String.format, as far as `%s` and `%d` with a width go."""
    text = text_of(run, template)
    found = _FORMAT.findall(text)
    wanted = [spec for spec in found if spec != "%%"]
    if len(wanted) > len(arguments) or text.count("%") != sum(spec.count("%") for spec in found):
        raise MappingError(f"format {text[:80]!r} cannot be used")
    values = [
        text_of(run, value) if spec[-1] == "s" else integer(value)
        for spec, value in zip(wanted, arguments, strict=False)
    ]
    result = text % tuple(values)
    run.budget.charge_text(len(result))
    return result


STRING_METHODS: Mapping[str, Method] = {
    **COMMON,
    "length": Method(_length, 0, 0),
    "substring": Method(_substring, 1, 2),
    "indexOf": Method(_index_of, 1, 2),
    "lastIndexOf": Method(_last_index_of, 1, 1),
    "contains": Method(_contains, 1, 1),
    "startsWith": Method(_starts_with, 1, 1),
    "endsWith": Method(_ends_with, 1, 1),
    "equalsIgnoreCase": Method(_equals_ignore_case, 1, 1),
    "toLowerCase": Method(_lower, 0, 0),
    "toUpperCase": Method(_upper, 0, 0),
    "trim": Method(_trim, 0, 0),
    "replace": Method(_replace, 2, 2),
    "replaceAll": Method(_replace_all, 2, 2),
    "replaceFirst": Method(_replace_first, 2, 2),
    "split": Method(_split, 1, 1),
    "matches": Method(_matches, 1, 1),
    "concat": Method(_concat, 1, 1),
    "isEmpty": Method(_is_empty, 0, 0),
    "charAt": Method(_char_at, 1, 1),
    "compareTo": Method(_compare_to, 1, 1),
    "format": Method(_format, 1, 20),
}
