"""Each target has a method for every node it can meet, and refuses what it does not know."""

import inspect

import msgspec
import pytest

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.explain import Explanations
from groundwatch.logs.patterns.guards import Guards
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.predicate import Predicates, compile_predicate
from groundwatch.logs.patterns.sql import SqlConditions, compile_condition
from groundwatch.logs.patterns.target import Target, UnknownNodeError
from groundwatch.logs.patterns.text import Printer

EVERY_NODE = {
    node
    for _, node in inspect.getmembers(nodes, inspect.isclass)
    if issubclass(node, nodes.Node) and node is not nodes.Node
}
STEPS = {nodes.Member, nodes.Element, nodes.AnyMember, nodes.AnyElement}


def test_the_module_lists_every_node():
    assert {*nodes.PATTERNS, *nodes.CONDITIONS, *nodes.VALUES, *nodes.PARTS} == EVERY_NODE


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        (Predicates, EVERY_NODE - STEPS),
        (SqlConditions, EVERY_NODE),
        (Printer, EVERY_NODE),
        (Explanations, {*nodes.PATTERNS, *nodes.CONDITIONS, nodes.Slot}),
        (Guards, set(nodes.CONDITIONS)),
    ],
)
def test_a_target_has_a_method_for_each_node(target, needed):
    assert needed - target.methods.keys() == set()


@pytest.mark.parametrize("step", sorted(STEPS, key=lambda step: step.__name__))
def test_selection_knows_every_step(step):
    from groundwatch.logs.patterns.selection import select

    node = step("a") if step is nodes.Member else step(0) if step is nodes.Element else step()
    assert [*select([node], {"a": "x"}), *select([node], ["x"])] == ["x"]


class Stranger(nodes.Node, frozen=True):
    pass


@pytest.mark.parametrize("compile_", [compile_predicate, compile_condition])
def test_an_unknown_node_is_refused(compile_):
    with pytest.raises(UnknownNodeError, match="no meaning for Stranger"):
        compile_(nodes.Json(nodes.Every((parse_pattern("{ $.a = 1 }").condition, Stranger()))))


def test_a_target_without_methods_refuses_everything():
    class Nothing(Target):
        pass

    with pytest.raises(UnknownNodeError):
        Nothing().visit(nodes.MatchAll())


@pytest.mark.parametrize(
    "pattern",
    [
        '"hostile\'); DROP" -"%_\\\\"',
        "{ $.['hostile) OR 1'] = \"hostile'\" || $.hostile > 77777 }",
        '[hostile = "hostile\'", ..., x = hostile* && x != %hostile%]',
        "%hostile%",
    ],
)
def test_no_part_of_a_pattern_is_pasted_into_the_statement(pattern):
    condition = compile_condition(parse_pattern(pattern))
    assert "hostile" not in condition.sql
    assert "77777" not in condition.sql
    assert "hostile" in msgspec.json.encode(condition.parameters).decode()
