"""String functions."""

from __future__ import annotations

from groundwatch.logs.insights.functions.function import Checked, Function, Parameter, texts
from groundwatch.logs.insights.nodes import Regex
from groundwatch.logs.insights.regexes import compiled
from groundwatch.logs.insights.values import Value


def _concat(call: Checked) -> str:
    parts = [f"ifNull({sql}, '')" for sql in call.sql]
    return f"concat('', {', '.join(parts)})"


def _substr(call: Checked) -> str:
    text, start, *length = call.sql
    first = f"accurateCastOrNull(greatest(trunc({start}), 0) + 1, 'Int64')"
    count = [f"accurateCastOrNull(greatest(trunc({sql}), 0), 'Int64')" for sql in length]
    return f"substringUTF8({', '.join([text, first, *count])})"


def _regex_replace(call: Checked) -> str:
    expression = call.constant(1)
    compiled(Regex(call.nodes[1].span, expression))
    pattern = call.pipeline.bind("(?-s)" + expression, "String")
    return f"replaceRegexpAll({call.sql[0]}, {pattern}, {call.sql[2]})"


def _trimmed(call: Checked, *, start: bool, end: bool) -> str:
    result = call.sql[0]
    if len(call.sql) > 1:
        # Only a constant can become a class of characters.
        characters = "".join(f"\\x{{{ord(character):x}}}" for character in call.constant(1))
        kind = f"[{characters}]" if characters else "[^\\x{0}-\\x{10ffff}]"
    else:
        kind = r"\s"
    if start:
        result = f"replaceRegexpOne({result}, {call.pipeline.bind(f'^{kind}+', 'String')}, '')"
    if end:
        result = f"replaceRegexpOne({result}, {call.pipeline.bind(f'{kind}+$', 'String')}, '')"
    return result


def _ltrim(call: Checked) -> str:
    return _trimmed(call, start=True, end=False)


def _rtrim(call: Checked) -> str:
    return _trimmed(call, start=False, end=True)


def _trim(call: Checked) -> str:
    return _trimmed(call, start=True, end=True)


def _contains(call: Checked) -> str:
    text, find, *ignore_case = call.sql
    exact = f"position({text}, {find}) > 0"
    if not ignore_case:
        return f"ifNull({exact}, 0)"
    return f"ifNull(if({ignore_case[0]}, position(lowerUTF8({text}), lowerUTF8({find})) > 0, {exact}), 0)"


def _split(call: Checked) -> Value:
    parts = f"splitByString({call.sql[1]}, ifNull({call.sql[0]}, ''))"
    raw = call.pipeline.column(f"if(isNull({call.sql[0]}), NULL, toJSONString({parts}))")
    return Value("json", raw, text=raw)


TRIMMED = (*texts("text"), Parameter("characters", "constant", optional=True))

STRINGS = (
    Function("strlen", texts("text"), "number", "toFloat64(lengthUTF8({0}))", "Characters (Unicode code points)."),
    Function("toupper", texts("text"), "text", "upperUTF8({0})", "Upper case."),
    Function("tolower", texts("text"), "text", "lowerUTF8({0})", "Lower case."),
    Function(
        "concat", (Parameter("text", "text", repeated=True),), "text", _concat, "Joins texts; null counts as empty."
    ),
    Function(
        "substr",
        (*texts("text"), Parameter("start", "number"), Parameter("length", "number", optional=True)),
        "text",
        _substr,
        "A part of a text, counted from 0.",
    ),
    Function("replace", texts("text", "find", "by"), "text", "replaceAll({0}, {1}, {2})", "Replaces every occurrence."),
    Function(
        "regexReplace",
        (*texts("text"), Parameter("pattern", "constant"), *texts("by")),
        "text",
        _regex_replace,
        "Replaces every match of a regular expression, given as a string.",
        aliases=("regex_replace",),
    ),
    Function("ltrim", TRIMMED, "text", _ltrim, "Without white space, or these characters, at the start."),
    Function("rtrim", TRIMMED, "text", _rtrim, "The same at the end."),
    Function("trim", TRIMMED, "text", _trim, "The same at both ends."),
    Function("isempty", texts("text"), "boolean", "ifNull({0} = '', 1)", "1 if missing or empty."),
    Function(
        "isblank", texts("text"), "boolean", r"ifNull(match({0}, '^\\s*$'), 1)", "1 if missing, empty or white space."
    ),
    Function(
        "strcontains",
        (*texts("text", "find"), Parameter("ignoreCase", "condition", optional=True)),
        "boolean",
        _contains,
        "1 if the text contains the other.",
    ),
    Function("startsWith", texts("text", "start"), "boolean", "ifNull(startsWith({0}, {1}), 0)", "1 or 0."),
    Function("endsWith", texts("text", "end"), "boolean", "ifNull(endsWith({0}, {1}), 0)", "1 or 0."),
    Function("urlencode", texts("text"), "text", "encodeURLComponent({0})", "Percent-encodes."),
    Function("urldecode", texts("text"), "text", "decodeURLComponent({0})", "Decodes percent-encoding."),
    Function("base64encode", texts("text"), "text", "base64Encode({0})", "Base64."),
    Function(
        "base64decode",
        texts("text"),
        "text",
        "if({0} != '' AND tryBase64Decode({0}) = '', NULL, tryBase64Decode({0}))",
        "Decodes Base64; null for what is none.",
    ),
    Function(
        "hexToAscii",
        texts("hex"),
        "text",
        "if(match({0}, '^(?:[0-9A-Fa-f]{{2}})*$'), unhex({0}), NULL)",
        "The text whose bytes are written in hexadecimal.",
    ),
    Function(
        "hexToDec",
        texts("hex"),
        "number",
        "if(match({0}, '^(?:0x)?[0-9A-Fa-f]{{1,16}}$'), "
        "toFloat64(reinterpretAsUInt64(reverse(unhex(replaceRegexpOne({0}, '^0x', ''))))), NULL)",
        "The number that is written in hexadecimal, with or without 0x.",
    ),
    Function(
        "decToHex",
        (Parameter("n", "number"),),
        "text",
        "concat(if({0} < 0, '-0x', '0x'), "
        "replaceRegexpOne(lower(hex(accurateCastOrNull(trunc(abs({0})), 'UInt64'))), '^0+(.)', '\\\\1'))",
        "A number in hexadecimal; fractions are cut off.",
    ),
    Function(
        "split", (*texts("text"), Parameter("delimiter", "constant")), "json", _split, "The parts of a text, as a list."
    ),
    Function("md5", texts("text"), "text", "lower(hex(MD5({0})))", "MD5 in lower-case hexadecimal."),
    Function("sha256", texts("text"), "text", "lower(hex(SHA256({0})))", "SHA-256 in lower-case hexadecimal."),
)
