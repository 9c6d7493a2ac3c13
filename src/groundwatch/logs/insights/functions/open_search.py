"""Functions of the languages SQL and PPL, where they differ from those of Insights' own language.

Their names carry a prefix that no query can spell, so each language knows its own alone. Places in texts
count from 1.
"""

from __future__ import annotations

import re

from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.functions.function import Checked, Function, Parameter, numbers, texts
from groundwatch.logs.insights.functions.general import GENERAL
from groundwatch.logs.insights.functions.numeric import NUMERIC
from groundwatch.logs.insights.functions.open_search_times import OPEN_SEARCH_TIMES
from groundwatch.logs.insights.functions.strings import STRINGS
from groundwatch.logs.insights.functions.times import TIMES
from groundwatch.logs.insights.nodes import Regex, steps_of
from groundwatch.logs.insights.regexes import compiled
from groundwatch.logs.insights.values import Value, as_text

PREFIX = "os."
SHARED = {
    **{
        name: name
        for name in ("abs", "ceil", "floor", "sqrt", "round", "greatest", "least", "md5", "replace", "concat")
    },
    **{name: name for name in ("ltrim", "rtrim", "trim", "if", "coalesce", "startswith", "endswith")},
    "ceiling": "ceil",
    "ln": "log",
    "lower": "tolower",
    "lcase": "tolower",
    "upper": "toupper",
    "ucase": "toupper",
    "length": "strlen",
    "char_length": "strlen",
    "character_length": "strlen",
    "isnotnull": "ispresent",
    "ifnull": "coalesce",
    "nvl": "coalesce",
    "array_contains": "jsonarraycontains",
    "contains": "strcontains",
    "size": "jsonarraysize",
    "array_length": "jsonarraysize",
    "json_array_length": "jsonarraysize",
    "cardinality": "jsonarraysize",
    "url_encode": "urlencode",
    "url_decode": "urldecode",
    "base64": "base64encode",
    "unbase64": "base64decode",
    "iff": "if",
    "split": "split",
    "to_json": "jsonstringify",
    "to_json_string": "jsonstringify",
    "from_json": "jsonparse",
    "json": "jsonparse",
    "startsWith": "startswith",
}
"""What both languages call functions that Insights' own language has as well."""
JSON_PATH = re.compile(r"\.([\w@-]+)|\[(\d+)\]|\['([^']+)'\]")


def _regexp_extract(call: Checked) -> str:
    regex = compiled(Regex(call.nodes[1].span, call.constant(1)))
    number = (call.values[2].literal or "") if len(call.sql) > 2 else "1"
    if not number.isdecimal() or len(number) > 9:
        raise malformed("the number of the group is a constant", call.nodes[2].span)
    wanted = int(number)
    if wanted > regex.groups:
        raise malformed(f"the regular expression has {regex.groups} groups", call.nodes[1].span)
    pattern = call.pipeline.bind(f"(?-s)({call.constant(1)})", "String")
    place = call.pipeline.bind(wanted + 1, "UInt32")
    return f"if(isNull({call.sql[0]}), NULL, extractGroups(ifNull({call.sql[0]}, ''), {pattern})[{place}])"


def _regexp_replace(call: Checked) -> str:
    compiled(Regex(call.nodes[1].span, call.constant(1)))
    pattern = call.pipeline.bind("(?-s)" + call.constant(1), "String")
    by = call.pipeline.bind(re.sub(r"\$(\d)", r"\\\1", call.constant(2)), "String")
    return f"replaceRegexpAll({call.sql[0]}, {pattern}, {by})"


def _matches(call: Checked) -> str:
    compiled(Regex(call.nodes[1].span, call.constant(1)))
    return f"ifNull(match({call.sql[0]}, {call.pipeline.bind('(?-s)' + call.constant(1), 'String')}), 0)"


def _like(call: Checked) -> str:
    # The engine's LIKE has the same wildcards and the same escapes.
    return f"ifNull({call.sql[0]} LIKE {call.sql[1]}, 0)"


def _ilike(call: Checked) -> str:
    return f"ifNull({call.sql[0]} ILIKE {call.sql[1]}, 0)"


def _substring(call: Checked) -> str:
    text, start, *length = call.sql
    first = f"ifNull(accurateCastOrNull(trunc({start}), 'Int64'), 1)"
    # Place 0 is taken as 1, negative places count from the end.
    place = f"if({first} = 0, 1, {first})"
    count = [f"ifNull(accurateCastOrNull(greatest(trunc({sql}), 0), 'Int64'), 0)" for sql in length]
    return f"substringUTF8({', '.join([text, place, *count])})"


def _left(call: Checked) -> str:
    return f"leftUTF8({call.sql[0]}, ifNull(accurateCastOrNull(greatest(trunc({call.sql[1]}), 0), 'Int64'), 0))"


def _right(call: Checked) -> str:
    return f"rightUTF8({call.sql[0]}, ifNull(accurateCastOrNull(greatest(trunc({call.sql[1]}), 0), 'Int64'), 0))"


def _concat_ws(call: Checked) -> str:
    parts = [f"CAST({sql}, 'Nullable(String)')" for sql in call.sql[1:]]
    present = f"arrayFilter(part -> isNotNull(part), [{', '.join(parts)}])"
    return f"arrayStringConcat(arrayMap(part -> assumeNotNull(part), {present}), ifNull({call.sql[0]}, ''))"


def _null_if(call: Checked) -> Value:
    left, right = (call.pipeline.shared(f"toNullable({as_text(value)})") for value in call.values)
    value = call.values[0]
    if value.kind in {"number", "time"}:
        return Value(value.kind, f"if(ifNull({left} = {right}, 0), NULL, {value.sql})")
    return Value("text", f"if(ifNull({left} = {right}, 0), NULL, {left})")


def _is_null(call: Checked) -> str:
    return f"isNull({as_text(call.values[0])})" if call.values[0].kind != "json" else f"isNull({call.values[0].sql})"


def _json_extract(call: Checked) -> Value:
    path = call.constant(1)
    if not path.startswith("$"):
        path = "$" if not path else f"$.{path}"
    found = list(JSON_PATH.finditer(path, 1))
    if "".join(one.group() for one in found) != path[1:]:
        raise malformed("a path of JSON is written $.member[0].member", call.nodes[1].span)
    steps = [one[1] or one[2] or one[3] for one in found]
    document = Value("json", f"ifNull({call.sql[0]}, '')")
    if not steps:
        return Value("json", f"nullIf({document.sql}, '')")
    value = call.pipeline.inside(document, steps_of(steps))
    # A structure is shown as its text, unlike a field that holds one.
    return Value("json", value.sql, text=f"ifNull({as_text(value)}, {value.sql})")


def _sha2(call: Checked) -> str:
    bits = (call.values[1].literal or "") if len(call.values) > 1 else "256"
    if bits not in {"224", "256", "384", "512"}:
        raise malformed("sha2 has 224, 256, 384 or 512 bits", call.span)
    return f"lower(hex(SHA{bits}({call.sql[0]})))"


def _log(call: Checked) -> str:
    if len(call.sql) == 1:
        return f"log(if({call.sql[0]} > 0, {call.sql[0]}, NULL))"
    base, number = (f"log(if({sql} > 0, {sql}, NULL))" for sql in call.sql)
    return f"{number} / nullIf({base}, 0)"


ANY = Parameter("value", "any")
PATTERN = Parameter("pattern", "constant")

_OWN = (
    Function("position", texts("find", "text"), "number", "toFloat64(positionUTF8({1}, {0}))", "Place of a text."),
    Function("locate", texts("find", "text"), "number", "toFloat64(positionUTF8({1}, {0}))", "The same."),
    Function("instr", texts("text", "find"), "number", "toFloat64(positionUTF8({0}, {1}))", "The same."),
    Function("reverse", texts("text"), "text", "reverseUTF8({0})", "The text backwards."),
    Function(
        "substring",
        (*texts("text"), Parameter("start", "number"), Parameter("length", "number", optional=True)),
        "text",
        _substring,
        "A part of a text, counted from 1, or from its end.",
        aliases=("substr", "mid"),
    ),
    Function("left", (*texts("text"), Parameter("count", "number")), "text", _left, "The first characters."),
    Function("right", (*texts("text"), Parameter("count", "number")), "text", _right, "The last characters."),
    Function(
        "concat_ws",
        (*texts("separator"), Parameter("text", "text", repeated=True)),
        "text",
        _concat_ws,
        "Joins texts; nulls are passed over.",
    ),
    Function(
        "regexp_extract",
        (*texts("text"), PATTERN, Parameter("group", "number", optional=True)),
        "text",
        _regexp_extract,
        "What a group of a regular expression finds.",
    ),
    Function("regexp_replace", (*texts("text"), PATTERN, PATTERN), "text", _regexp_replace, "Replaces matches."),
    Function("regexp_like", (*texts("text"), PATTERN), "boolean", _matches, "1 if a regular expression is found."),
    Function("like", texts("text", "pattern"), "boolean", _like, "1 if a pattern with % and _ fits."),
    Function("ilike", texts("text", "pattern"), "boolean", _ilike, "The same, in any case."),
    Function("nullif", (ANY, ANY), "text", _null_if, "Null if both are equal, else the first."),
    Function("isnull", (ANY,), "boolean", _is_null, "1 without a value."),
    Function("log", (*numbers("n"), Parameter("n", "number", optional=True)), "number", _log, "Logarithm."),
    Function("log2", numbers("n"), "number", "log2(if({0} > 0, {0}, NULL))", "Logarithm of base 2."),
    Function("log10", numbers("n"), "number", "log10(if({0} > 0, {0}, NULL))", "Logarithm of base 10."),
    Function("exp", numbers("n"), "number", "exp({0})", "Power of e."),
    Function("pow", numbers("n", "power"), "number", "pow({0}, {1})", "Power.", aliases=("power",)),
    Function("cbrt", numbers("n"), "number", "cbrt({0})", "Cubic root."),
    Function("sign", numbers("n"), "number", "toFloat64(sign({0}))", "-1, 0 or 1.", aliases=("signum",)),
    Function("truncate", numbers("n"), "number", "trunc({0})", "Without decimals."),
    Function(
        "mod", numbers("n", "by"), "number", "({0} - nullIf({1}, 0) * trunc({0} / nullIf({1}, 0)))", "The remainder."
    ),
    *(
        Function(name, numbers("n"), "number", f"{name}({{0}})", "Trigonometry.")
        for name in ("sin", "cos", "tan", "atan")
    ),
    *(Function(name, numbers("n"), "number", f"{name}({{0}})", "Degrees.") for name in ("radians", "degrees")),
    Function("null", (), "text", "CAST(NULL, 'Nullable(String)')", "No value."),
    Function("pi", (), "number", "pi()", "Pi."),
    Function("e", (), "number", "e()", "Euler's number."),
    Function("crc32", texts("text"), "number", "toFloat64(CRC32({0}))", "Checksum."),
    Function("sha1", texts("text"), "text", "lower(hex(SHA1({0})))", "SHA-1.", aliases=("sha",)),
    Function(
        "sha2", (*texts("text"), Parameter("bits", "number", optional=True)), "text", _sha2, "SHA-2 of so many bits."
    ),
    Function(
        "get_json_object",
        (Parameter("document", "document"), Parameter("path", "constant")),
        "json",
        _json_extract,
        "What stands at a path of JSON.",
        aliases=("json_extract",),
    ),
    Function(
        "json_valid", texts("text"), "boolean", "isValidJSON(ifNull({0}, ''))", "1 if it is JSON.", aliases=("is_json",)
    ),
    Function(
        "json_keys",
        (Parameter("document", "document"),),
        "text",
        "if(isNull({0}), NULL, toJSONString(JSONExtractKeys(ifNull({0}, ''))))",
        "The names of the members.",
        aliases=("json_object_keys",),
    ),
    *OPEN_SEARCH_TIMES,
    Function("to_text", (Parameter("value", "text"),), "text", "{0}", "CAST to text."),
    Function("to_whole", numbers("n"), "number", "trunc({0})", "CAST to an integer."),
    Function("to_double", numbers("n"), "number", "{0}", "CAST to a double."),
    Function("to_boolean", (Parameter("value", "condition"),), "boolean", "{0}", "CAST to a boolean."),
)
OWN: dict[str, Function] = {PREFIX + name: one for one in _OWN for name in (one.name, *one.aliases)}
_KNOWN = {one.name.lower(): one for family in (GENERAL, NUMERIC, STRINGS, TIMES) for one in family}
OPEN_SEARCH: dict[str, Function] = OWN | {
    PREFIX + name: _KNOWN[known.lower()] for name, known in SHARED.items() if known.lower() in _KNOWN
}
"""By name in lower case, behind the prefix."""
