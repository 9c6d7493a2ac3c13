"""Templates that are made at random from the whole language: a text or the service's error, never anything else."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.collection_methods import LIST_METHODS, MAP_METHODS
from groundwatch.gateway.mapping.errors import MappingError, PayloadError
from groundwatch.gateway.mapping.string_methods import STRING_METHODS
from groundwatch.gateway.mapping.template import Template
from groundwatch.gateway.mapping.values import ContextMap, Entry, HeaderMap, Loop, OverrideMap, VtlList
from groundwatch.gateway.mapping.variables import InputVariable, UtilVariable, template_scope
from groundwatch.gateway.runtime.overrides import Overrides, read_overrides

STEPS = 100_000
BOUND_S = 15
"""A hundred times what these steps take; on a busy machine, too."""
NAMES = ("a", "b", "c", "input", "util", "context", "stageVariables", "foreach", "velocityCount")
METHODS = sorted({*STRING_METHODS, *LIST_METHODS, *MAP_METHODS, *UtilVariable.methods, "path", "json", "params"})
METHODS += ["intValue", "doubleValue", "parseInt", "parseDouble", "getKey", "getClass", "nothing"]
LITERALS = (
    *("1", "0", "-1", "2.5", "1.0e308", "-0.0", "9" * 99, "true", "false", "'x'", "''", "'\u00e9\U0001f600'", "'%s%d'"),
    *("'$.a'", "'$..*'", "'$.l[?(@.x > 1)]'", "'$['", "'(a|b)*'", "'('", "'$1'", "'\\\\'", "'[[[['", "'%zz'", '"$a$b"'),
    *("'{\"a\":[1,2e400]}'", "'1e999'", "'" + "9" * 5000 + "'", '"#foreach($i in $l)$i#end"', "'x*y|x'"),
)
OPERATORS = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||")
PROPERTIES = ("key", "value", "requestOverride", "responseOverride.header", "body", "parent", "index", "empty", "class")
PLACES = ("", ".x", "['y']", "[0]", "[-1]", ".header.z", ".requestOverride.header.q", ".responseOverride.status")
BODIES = (
    '{"a":{"b":[1,2.5,null,true,"x"]},"l":[{"x":1},{"x":2}],"big":12345678901234567890123456789,"f":1e300}',
    *("", "x", "[1,2,[3,[4]]]", '"s"', '{"x":' * 50 + "1" + "}" * 50, "{"),
)

name = st.sampled_from(NAMES)
expression = st.recursive(
    st.sampled_from(LITERALS) | name.map("$".__add__),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(name, st.sampled_from(METHODS), st.lists(inner, max_size=3)).map(
            lambda t: f"${t[0]}.{t[1]}({', '.join(t[2])})"
        ),
        st.tuples(name, inner).map(lambda t: f"${t[0]}[{t[1]}]"),
        st.tuples(name, st.sampled_from(PROPERTIES)).map(lambda t: f"${t[0]}.{t[1]}"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]}..{t[1]}]"),
        st.lists(st.tuples(inner, inner), max_size=2).map(
            lambda pairs: "{" + ", ".join(f"{key}:{value}" for key, value in pairs) + "}"
        ),
        inner.map("!".__add__),
    ),
    max_leaves=8,
)
template = st.recursive(
    st.one_of(
        st.tuples(name, st.sampled_from(PLACES), expression).map(lambda t: f"#set(${t[0]}{t[1]} = {t[2]})"),
        expression.filter(lambda text: text.startswith("$")),
        st.sampled_from(("text", "#break", "#stop", "#m($a)", "$b", "#a()", "#[[", "]]#", "##", "\\$a", "$!{a.b}")),
    ),
    lambda inner: st.one_of(
        st.tuples(name, expression, inner).map(lambda t: f"#foreach(${t[0]} in {t[1]}){t[2]}#end"),
        st.tuples(expression, inner, inner).map(lambda t: f"#if({t[0]}){t[1]}#else{t[2]}#end"),
        inner.map(lambda body: f"#macro(m $a){body}#end"),
        inner.map(lambda body: f"#define($b){body}#end"),
        st.lists(inner, min_size=2, max_size=8).map("".join),
    ),
    max_leaves=25,
)


def check(text: str, body: str, given: dict[str, object] | None = None) -> None:
    """Render a template; whatever it does, it ends, and its overrides can be read."""
    variable = InputVariable(body, path={"p": "v"}, querystring={"q": ["\u00e9"]}, header={"h": ["1"]})
    overrides = Overrides()
    context = ContextMap(
        requestId="r",
        identity=ContextMap(sourceIp="192.0.2.1"),
        requestOverride=overrides.request_map(),
        responseOverride=overrides.response_map(),
    )
    scope = template_scope(variable, context, {"sv": "1"}) | (given or {})
    begin = time.process_time()
    try:
        assert isinstance(Template(text).render(scope, Budget(STEPS)), str)
        read_overrides(scope["context"])
    except (MappingError, PayloadError) as error:
        assert str(error)
    assert time.process_time() - begin < BOUND_S


def run(examples: int, seed: int) -> None:
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(template, st.sampled_from(BODIES))
    def every_template(text: str, body: str) -> None:
        check(text, body)

    every_template()


def test_templates_at_random():
    run(400, 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [2, 3])
def test_templates_at_random_for_long(seed):
    run(20_000, seed)


def odd_values() -> dict[str, object]:
    deep: list[object] = []
    for _ in range(900):
        deep = [deep]
    circle: list[object] = [1]
    circle.append(circle)
    return {
        "nothing": None, "three": 3, "minus": -7, "huge": 2**4000, "half": 2.5, "inf": float("inf"),
        "nan": float("nan"), "yes": True, "text": "abc", "empty": "", "odd": "\u00e9\U0001f600\0", "digits": "9" * 5000,
        "regex": "(a|b)*", "broken": "(", "path": "$..*", "half_path": "$[", "group": "$9\\", "format": "%s %d %999d %",
        "json": '{"a":[1e400,123456789012345678901234567890]}', "brackets": "[" * 5000, "made": VtlList([1, "x", None]),
        "read": [1, 2.5, None, {"a": 2**4000}], "map": {"a": 1, "b": [2]}, "part": ContextMap(a=ContextMap(b=1)),
        "once": OverrideMap(a=1), "head": HeaderMap({"X": "1"}), "pair": Entry("a", [1]), "deep": deep,
        "circle": [circle], "loop": Loop(3, None), "long": "x" * 20_000,
    }  # fmt: skip


VALUES = list(odd_values())


@pytest.mark.parametrize("left", VALUES)
def test_every_operation_on_odd_values(left):
    for right in VALUES:
        for operator in ("+", "-", "*", "/", "%", "==", "<"):
            check(f"#set($z = ${left} {operator} ${right})$z", "{}", odd_values())
        check(f"${left}[${right}]#set(${left}[${right}] = 1)${left}", "{}", odd_values())
        check(f"#set($z = [${left}..${right}])$z", "{}", odd_values())
        check(f"#set($p = $input.path('$'))#set($y = $p.put(${left}, ${right}))$input.json('$')$p", "{}", odd_values())


def call_on_odd_values(method: str, arguments: Sequence[str]) -> None:
    receivers = ("util", "input") if method in UtilVariable.methods or method in ("path", "json", "params") else VALUES
    for receiver, argument in itertools.product(receivers, arguments):
        check(f"${receiver}.{method}(${argument})", "{}", odd_values())
        check(f"${receiver}.{method}(${argument}, ${argument})", "{}", odd_values())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_odd_values(method):
    call_on_odd_values(method, ("huge", "made", "broken"))


@pytest.mark.soak
@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_odd_values_with_every_other(method):
    call_on_odd_values(method, VALUES)
