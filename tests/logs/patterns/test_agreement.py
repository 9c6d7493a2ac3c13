"""The two targets of a pattern are equal: on random patterns and messages, the hostile ones included."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.predicate import compile_predicate
from groundwatch.logs.patterns.sifting import compile_sieve
from groundwatch.logs.patterns.text import pattern_text

PIECES = [
    "x",
    "ERROR",
    "ab",
    "4",
    "404",
    "1e",
    ".",
    "-",
    "é",
    "😀",
    "\u2028",
    "\\",
    '"',
    "\n",
    "\t",
    "\x00",
    "[",
    "{",
    "*",
]
WORDS = [*PIECES, "", "true", "false", "null", " ", "%", "'", "0.5", "1000", "/", "\x7f", "\u200b", "x" * 300]
NAMES = ["a", "b", "key-1", "x.y", "é", "a b", '"', "\\", "[0]", "\t"]
NUMBERS = [
    *(
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1",
        "-1",
        "404",
        "4e2",
        "40.4e1",
        "0.5",
        "0.50",
        "5E-1",
        "1e3",
        "1E+3",
        "1000",
        "0.1",
        "1e-7",
    ),
    *("999999999999999", "1000000000000000", "123456789012345678", "999999999999999999", "1000000000000000000"),
    *("9007199254740993", "9007199254740992.0", "9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("-9223372036854775808", "18446744073709551615", "18446744073709551616", "123456789012345678901234567890"),
    *(
        "-123456789012345678901234567890",
        "1e20",
        "1e21",
        "100000000000000000000000",
        "1e23",
        "1.5e300",
        "-1.5e300",
        "5e-324",
    ),
    *("1e-400", "0.1000000000000000055511151231257827", "123456789012345680000.5", "1.7976931348623157e308", "0.00001"),
    *("1e-6", "0.000001234", "123456.789e-3", "1" + "0" * 30 + ".5", "7" * 320),
]
OUT_OF_RANGE = ["1e400", "-1e400", "1.8e308"]
FIELD_NUMBERS = [
    *NUMBERS,
    *OUT_OF_RANGE,
    "+5",
    "007",
    "-007",
    "+0.50",
    "00.5",
    "5.",
    ".5",
    "1e",
    "+-1",
    "--1",
    "0x10",
    "1_000",
]


def literals():
    return st.one_of(
        st.sampled_from([number for number in FIELD_NUMBERS if len(number) < 300]).filter(is_literal),
        st.integers(-(10**25), 10**25).map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
    )


def is_literal(text: str) -> bool:
    from groundwatch.logs.patterns.numbers import NUMBER, in_range

    return NUMBER.fullmatch(text) is not None and in_range(text)


texts = st.one_of(
    st.sampled_from(WORDS), st.lists(st.sampled_from(PIECES), max_size=3).map("".join), st.text(max_size=4)
)
texts = texts.filter(lambda text: not any(0xD800 <= ord(character) < 0xE000 for character in text))
atoms = [
    "a",
    "x",
    "4",
    ".",
    " ",
    "/",
    "\\d",
    "\\D",
    "\\s",
    "\\S",
    "\\w",
    "\\W",
    "\\x22",
    "\\x0A",
    "[a-f]",
    "[^x]",
    "[\\s4.]",
    "\\.",
]
repeated = st.tuples(st.sampled_from(atoms), st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,}", "{0,3}"])).map(
    "".join
)
sequences = st.tuples(
    st.sampled_from(["", "", "^"]),
    st.lists(repeated, min_size=1, max_size=3).map("".join),
    st.sampled_from(["", "", "$"]),
).map("".join)
regexes = st.builds(nodes.Regex, st.lists(sequences, min_size=1, max_size=2).map("|".join))
numbers = st.builds(nodes.Number, literals())
values = st.one_of(
    numbers,
    regexes,
    st.builds(nodes.Text, texts.filter(lambda text: not text.startswith("*") and not text.endswith("*"))),
    st.just(nodes.Text("", open_start=True, open_end=True)),
    st.builds(nodes.Text, st.sampled_from(["x", "404", "4", "\\", '"', "é", "e", "."]), st.booleans(), st.booleans()),
    st.sampled_from(NUMBERS).map(nodes.Text),
)
steps = st.one_of(
    st.sampled_from(NAMES).map(nodes.Member),
    st.sampled_from(NAMES[:2]).map(nodes.Member),
    st.integers(0, 2).map(nodes.Element),
)
wildcards = st.sampled_from([(), (), (), (nodes.AnyMember(),), (nodes.AnyElement(),)])
selectors = st.tuples(st.lists(steps, max_size=2), wildcards, st.lists(steps, max_size=1)).map(
    lambda parts: nodes.Selector((*parts[0], *parts[1], *parts[2]) or (nodes.Member("a"),))
)
orders = st.sampled_from(["<", ">", "<=", ">="])
json_leaves = st.one_of(
    st.builds(nodes.Compare, selectors, values, st.booleans()),
    st.builds(nodes.Ordered, selectors, orders, numbers),
    st.builds(nodes.Is, selectors, st.sampled_from(["null", "true", "false"])),
    st.builds(nodes.Missing, selectors),
)


def joined(leaves):
    some = st.lists(leaves, min_size=2, max_size=3).map(tuple)
    return st.one_of(leaves, leaves, st.builds(nodes.Every, some), st.builds(nodes.Some, some))


json_patterns = st.builds(nodes.Json, joined(joined(json_leaves)))
field_leaves = st.one_of(
    st.builds(nodes.Compare, st.just(nodes.Field("f")), values, st.booleans()),
    st.builds(nodes.Ordered, st.just(nodes.Field("f")), orders, numbers),
)
slot_everys = st.one_of(field_leaves, st.lists(field_leaves, min_size=2, max_size=2).map(tuple).map(nodes.Every))
slot_conditions = st.one_of(slot_everys, st.lists(slot_everys, min_size=2, max_size=2).map(tuple).map(nodes.Some))
slots = st.one_of(
    st.just(nodes.Slot()), st.just(nodes.Slot("f")), slot_conditions.map(lambda condition: nodes.Slot("f", condition))
)
slot_lists = st.lists(slots, max_size=3).map(tuple)
fields_patterns = st.one_of(
    slot_lists.filter(bool).filter(lambda found: found != (nodes.Slot(),)).map(nodes.Fields),
    st.builds(nodes.Fields, slot_lists, st.just(True), slot_lists),
)
terms = st.lists(texts.filter(str.strip), max_size=3).map(tuple)
term_patterns = st.builds(nodes.Terms, terms, terms, terms).filter(lambda pattern: pattern != nodes.Terms())


def spelled(text: str, mode: int) -> str:
    """Spell a string in JSON: escaped where it must be, or everywhere."""
    if mode == 0:
        return json.dumps(text, ensure_ascii=False)
    if mode == 1:
        return json.dumps(text)
    units = text.encode("utf-16-be")
    return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2)) + '"'


def arrays(children):
    return st.lists(children, max_size=3).map(lambda items: "[" + ",".join(items) + "]")


def objects(children):
    names = st.builds(spelled, st.sampled_from([*NAMES, "a", "a", "b"]), st.integers(0, 2))
    pairs = st.lists(st.builds("{}: {}".format, names, children), max_size=4)
    return pairs.map(lambda items: "{" + " , ".join(items) + "}")


scalars = st.one_of(
    st.sampled_from([*NUMBERS, "true", "false", "null"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.builds(spelled, texts, st.integers(0, 2)),
    st.sampled_from(NUMBERS).map(json.dumps),
)
strange = st.sampled_from(
    [
        *OUT_OF_RANGE,
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\ude00\\ud83d"',
        "NaN",
        "Infinity",
        "01",
        "1.",
        "tru",
        '"\t"',
        "'a'",
        "",
    ]
)
json_values = st.recursive(
    st.one_of(scalars, scalars, scalars, strange), lambda kids: arrays(kids) | objects(kids), max_leaves=8
)
documents = st.one_of(objects(json_values), objects(scalars), objects(scalars | arrays(scalars) | objects(scalars)))


def damaged(text: str, place: int, inserted: str) -> str:
    at = place % (len(text) + 1)
    return text[:at] + inserted + text[at + (not inserted) :]


def nested(depth: int, bracket: str, inner: str) -> str:
    if bracket == "{":
        return '{"a":' * depth + inner + "}" * depth
    return '{"a":' + "[" * (depth - 1) + inner + "]" * (depth - 1) + "}"


json_messages = st.one_of(
    documents,
    documents,
    documents.map(lambda text: f" \n{text}\t\r\n"),
    st.builds(
        damaged,
        documents,
        st.integers(0, 200),
        st.sampled_from(["", ",", '"', "}", "\\", "\x00", "1", "\ufeff", "\x0b"]),
    ),
    st.sampled_from(["", " ", "{}", "[]", "null", '"a"', '\ufeff{"a":1}', '{"a":1}{"a":1}', '{"a":1,"a":"x","a":[2]}']),
    json_values,
    st.builds(
        nested,
        st.sampled_from([200, 970, 1000, 1022, 1023, 1024, 1025, 3000]),
        st.sampled_from("{["),
        st.sampled_from(["1", "[]", "{ }", '"["']),
    ),
)
tokens = st.one_of(
    st.sampled_from(FIELD_NUMBERS),
    texts,
    texts.map(lambda text: f'"{text} 404"'),
    texts.map(lambda text: f"[{text} x]"),
    st.sampled_from(["[", "]", '"', "[]", '""', '["', "[a]b", 'a"b c"', "x\x1cy", "x\x85y", "x\u3000y"]),
)
separators = st.sampled_from([" ", " ", "  ", "\t", "\n", "\r\n", "\x0b", "\x0c", ""])
line_messages = st.lists(st.tuples(separators, tokens).map("".join), max_size=6).map("".join)
messages = st.lists(st.one_of(json_messages, line_messages, texts), min_size=1, max_size=6)
relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck))


def check(engine_verdicts, pattern, messages):
    predicate = compile_predicate(pattern)
    verdicts = [predicate(message) for message in messages]
    assert verdicts == engine_verdicts(pattern, messages)
    assert compile_sieve(pattern)(messages) == [at for at, matches in enumerate(verdicts) if matches]


@settings(relaxed, max_examples=120)
@given(json_patterns, st.lists(json_messages, min_size=6, max_size=14))
def test_json_patterns(engine_verdicts, pattern, messages):
    check(engine_verdicts, pattern, messages)


one = st.sampled_from([nodes.Selector((nodes.Member("a"),)), nodes.Selector((nodes.Member("a"), nodes.AnyElement()))])
value_tests = st.one_of(
    st.builds(nodes.Compare, one, values, st.booleans()), st.builds(nodes.Ordered, one, orders, numbers)
).map(nodes.Json)
value_messages = st.one_of(scalars, arrays(scalars), json_values).map('{{"a":{}}}'.format)


@settings(relaxed, max_examples=120)
@given(value_tests, st.lists(value_messages, min_size=20, max_size=40))
def test_values_of_json(engine_verdicts, pattern, messages):
    check(engine_verdicts, pattern, messages)


@settings(relaxed, max_examples=100)
@given(field_leaves, st.lists(tokens, min_size=20, max_size=40))
def test_values_of_fields(engine_verdicts, condition, messages):
    check(engine_verdicts, nodes.Fields((nodes.Slot("f", condition),)), messages)


@settings(relaxed, max_examples=100)
@given(fields_patterns, st.lists(line_messages, min_size=6, max_size=14))
def test_space_delimited_patterns(engine_verdicts, pattern, messages):
    check(engine_verdicts, pattern, messages)


@settings(relaxed, max_examples=80)
@given(term_patterns | regexes, messages)
def test_terms_and_regular_expressions(engine_verdicts, pattern, messages):
    check(engine_verdicts, pattern, messages)


@settings(relaxed, max_examples=200)
@given(json_patterns | fields_patterns | term_patterns | regexes)
def test_a_printed_pattern_parses_to_an_equal_tree(pattern):
    text = pattern_text(pattern)
    if text.count("%") <= 4 and text.count("*") <= 3 and len(text) <= 1024:
        assert parse_pattern(text) == pattern
