"""Values that grow, nest or overflow in ways that steps alone do not show: the service's error, in bounded time."""

from __future__ import annotations

import json
import time

import pytest

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.errors import MappingError, PayloadError, TemplateLimitError
from groundwatch.gateway.mapping.jsonpath import evaluate, parse_path
from groundwatch.gateway.mapping.parameters import BodyDocument
from groundwatch.gateway.mapping.regex import Regex

HUGE = f"#set($h = {'9' * 90})#set($h = $h * $h)#set($h = $h * $h)"  # Beyond what a double holds.
DOUBLED = "#set($l=[1])#foreach($i in [1..60])#set($l=[$l,$l])#end"
BOUND_S = 10
"""Far above what any of these takes, and far below what each took."""

ARITHMETIC = [
    pytest.param("$h + 0.5", "Infinity", id="sum"),
    pytest.param("0.5 - $h", "-Infinity", id="difference"),
    pytest.param("$h * 0.5", "Infinity", id="product"),
    pytest.param("0.5 / $h", "0.0", id="quotient"),
    pytest.param("0.5 % $h", "0.5", id="remainder of something small"),
    pytest.param("$h % 0.5", "NaN", id="remainder of something too large"),
    pytest.param("(1.0e308 * 10) % 3", "NaN", id="remainder of infinity"),
    pytest.param("$h < 0.5", "false", id="order"),
]


@pytest.mark.parametrize(("expression", "text"), ARITHMETIC)
def test_integers_beyond_a_double_become_infinite_as_in_java(expression, text, render):
    assert render(f"{HUGE}#set($r = {expression})$r") == text


REFUSED = [
    pytest.param("#set($l=[1])$l.add(-1, 2)", id="a negative position"),
    pytest.param("#set($l=[1])$l.add(3, 2)", id="a position behind the end"),
    pytest.param(HUGE + "#set($l=[1])$l.add($h, 2)", id="a position beyond any list"),
    pytest.param(HUGE + "#set($l=[1])$l.get($h)", id="an index beyond any list"),
    pytest.param(HUGE + "$input.body.substring($h)", id="a place beyond any text"),
]


@pytest.mark.parametrize("template", REFUSED)
def test_positions_outside_are_the_templates_fault(template, render):
    with pytest.raises(MappingError):
        render(template)


DOUBLING = [
    pytest.param("'a'.compareTo($l)", id="compared with a text"),
    pytest.param("$input.params($l)", id="as the name of a parameter"),
    pytest.param("$input[$l]", id="as the name of a property"),
]


@pytest.mark.parametrize("expression", DOUBLING)
def test_lists_of_themselves_are_not_written_out_unpaid(expression, render):
    with pytest.raises(TemplateLimitError):
        render(f"{DOUBLED}#set($s='a')#set($r={expression.replace(chr(39) + 'a' + chr(39), '$s')})$r")


def test_a_list_of_itself_as_the_key_of_an_assignment_is_not_written_out(render):
    with pytest.raises(MappingError, match="cannot be assigned to"):
        render(f"{DOUBLED}#set($l[$l] = 1)")


def bounded(action, error: type[Exception] = TemplateLimitError) -> None:
    begin = time.process_time()
    with pytest.raises(error):
        action()
    assert time.process_time() - begin < BOUND_S


BACKTRACKING = [
    pytest.param("$input.body.replaceAll('x*y|x', 'z')", id="a search to the end for every match"),
    pytest.param("$input.body.split('x*y|x')", id="the same, splitting"),
    pytest.param(f"$input.body.matches('(x|y)*x(x|y){{{900}}}z')", id="too many states for an automaton"),
    pytest.param(
        "$input.body.matches('" + "|".join(f"(?:[xy]?){{{900 + i}}}z" for i in range(20)) + "')", id="a large pattern"
    ),
]


@pytest.mark.parametrize("template", BACKTRACKING)
def test_what_a_regular_expression_costs_is_paid(template, render):
    bounded(lambda: render(template, "x" * 300_000))


def test_compiling_regular_expressions_is_paid(render):
    template = '#foreach($i in [1..1000])$input.body.matches("(?:[a-c]?){1000}(?:[a-c]?){1000}$i")#end'
    bounded(lambda: render(template, "x"))


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("|".join(f"(?:[xy]?){{{900 + i}}}z" for i in range(60)), id="alternatives"),
        pytest.param(r"(?:\p{L}?){70}", id="classes of letters"),
    ],
)
def test_a_regular_expression_that_unfolds_too_far_is_refused(pattern):
    with pytest.raises(MappingError, match="too large"):
        Regex(pattern)


@pytest.mark.parametrize("pattern", [r"^.{1,1000}$", r"[\w.-]{1,255}", r"\p{L}+", r"(\n|.)*", "4\\d{2}"])
def test_common_regular_expressions_are_not(pattern):
    assert Regex(pattern).cost("x" * 200) < 50_000


def test_a_regular_expression_outside_a_budget_has_one_of_its_own():
    pattern = Regex("|".join(f"(?:[xy]?){{{900 + i}}}z" for i in range(3)))
    assert not pattern.matches("x" * 100)
    bounded(lambda: pattern.matches("x" * 1_000_000))
    bounded(lambda: pattern.search("x" * 1_000_000))


LONG_LIST = {"l": list(range(20_000)), "m": list(range(20_000))}
TWINS = {"a": "x" * 2_000_000, "b": "x" * 2_000_000, "l": list(range(50_000))}
SEARCHES = [
    pytest.param("$.l[?(@ in $.m)]", LONG_LIST, id="every member looked for in a long list"),
    pytest.param("$.l[?($.m.sum() > 1)]", LONG_LIST, id="a sum for every member"),
    pytest.param("$.l[?($.m.length() in $.m)]", LONG_LIST, id="lengths"),
    pytest.param("$.l[?($.a == $.b)]", TWINS, id="long texts compared for every member"),
    pytest.param("$.l[?($.a <= $.b)]", TWINS, id="long texts put in order for every member"),
    pytest.param("$..['l'" + ",'l'" * 900 + "]", {"k": [{"l": 1}] * 50_000}, id="a name many times"),
    pytest.param("$..[0" + ",0" * 1900 + "]", {"k": [[1]] * 50_000}, id="an index many times"),
]


@pytest.mark.parametrize(("path", "document"), SEARCHES)
def test_searches_pay_for_what_they_look_at(path, document):
    bounded(lambda: evaluate(parse_path(path), document, Budget(1_000_000)))


@pytest.mark.parametrize("function", ["sum", "avg", "min", "max"])
def test_an_integer_beyond_a_double_has_no_aggregate(function, render):
    with pytest.raises(MappingError, match=function):
        render(f"$input.path('$.l.{function}()')", f'{{"l":[{"9" * 400}]}}')


def test_long_texts_pay_for_being_compared(render):
    loop = "#foreach($i in [1..1000])#foreach($j in [1..1000])#if($input.path('$.a') == $input.path('$.b'))#end#end#end"
    bounded(lambda: render(loop, json.dumps({"a": TWINS["a"], "b": TWINS["b"]})))


@pytest.mark.parametrize(
    "body", ["[" + "{}," * 3_000_000 + "{}]", "[" + "[]," * 3_000_000 + "1]"], ids=["maps", "lists"]
)
def test_a_payload_of_millions_of_small_values_is_not_read(body, render):
    bounded(lambda: render("$input.path('$')", body), PayloadError)
    bounded(lambda: BodyDocument(body).value(), PayloadError)


def test_a_text_of_millions_of_commas_is_no_json(render):
    assert render("$input.path('$').length()", "a" + "," * 5_000_000) == "5000001"
