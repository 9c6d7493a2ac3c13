"""Calls of `$input` and `$util` are chosen when a template is compiled; templates must not be able to tell."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st

from groundwatch.gateway.mapping import compiler
from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.errors import MappingError, PayloadError
from groundwatch.gateway.mapping.template import Template
from groundwatch.gateway.mapping.variables import InputVariable, template_scope

BODY = b'{"a": {"b": [1, 2]}, "t": "x/\xc3\xa9 y", "n": 7}'
STEPS = 10_000

argument = st.sampled_from(
    (
        "'$.t'",
        "'$.a'",
        "'$.n'",
        "'$..b'",
        "'$['",
        "'p'",
        "'q'",
        "'X-H'",
        "'x-h'",
        "'none'",
        "7",
        "$x",
        "$nothing",
        '"$x"',
    )
)
read = st.tuples(st.sampled_from(("path", "json", "params")), argument).map(lambda t: f"$input.{t[0]}({t[1]})")
call = st.recursive(
    read,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(("escapeJavaScript", "urlEncode", "parseJson", "nothing")), inner).map(
            lambda t: f"$util.{t[0]}({t[1]})"
        ),
        st.tuples(inner, inner).map(lambda t: f"$input.path({t[0]}, {t[1]})"),
        inner.map("{}.length()".format),
    ),
    max_leaves=4,
)
statement = st.one_of(
    call,
    st.tuples(st.sampled_from(("input", "util")), call).map(lambda t: f"#set(${t[0]} = {t[1]})"),
    call.map("#foreach($input in [1..2]){}#end$input".format),
    call.map("#define($util){}#end$util.length()$util".format),
    call.map("#macro(m $input){}#end#m('x')".format),
    st.just("#set($m = $input.params())#set($y = $m.header.put('X-H', '2'))"),
)
template = st.lists(statement, min_size=1, max_size=4).map("; ".join)


def outcome(text: str, steps: int) -> tuple[str, int]:
    """Return what a template makes, or the error, and the steps that are left."""
    variable = InputVariable(
        BODY, path={"p": "1"}, querystring={"q": ["1", "2"]}, header={"x-h": ["h"]}, spelling={"x-h": "X-H"}
    )
    budget = Budget(steps)
    try:
        made = Template(text).render(template_scope(variable, None, {}) | {"x": "t"}, budget)
    except (MappingError, PayloadError) as error:
        made = f"{type(error).__name__}: {error}"
    return made, budget.steps_left


@hypothesis.settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@hypothesis.seed(1)
@hypothesis.given(template, st.sampled_from((STEPS, 40, 25, 12)))
def test_a_call_that_was_chosen_is_the_same_as_one_that_is_found(text: str, steps: int):
    chosen = outcome(text, steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "PROVIDED", {})
        assert outcome(text, steps) == chosen


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$input.params('p') $input.params('q') $input.params('x-H') $input.params('none')", "1 2 h "),
        ("$input.params().header.keySet()", "[X-H]"),
        ("#set($a = $input.params().header.put('X-H', '2'))$input.params('x-h')", "2"),
        ("$input.params().querystring", "{q=2}"),
        ("#set($util = 'abc')$util.length()", "3"),
        ("#set($input = $util)$input.urlEncode('a b')", "a+b"),
        ("$util.urlEncode('/ ~*\u00e9\U0001f600')", "%2F+%7E*%C3%A9%F0%9F%98%80"),
    ],
)  # fmt: skip
def test_what_such_calls_give(template: str, expected: str):
    assert outcome(template, STEPS)[0] == expected


def test_a_payload_in_bytes_is_read_as_utf_8():
    broken = InputVariable(b"\xff" + BODY, path={}, querystring={}, header={})
    made = Template("$input.body").render(template_scope(broken, None, None), Budget(STEPS))
    assert made == "\ufffd" + BODY.decode()
