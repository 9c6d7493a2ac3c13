"""Compiler of templates: every node of the syntax tree becomes a closure that evaluates it.

One method a node, found through a table that is complete by a test; a node without a method raises at compilation.
"""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.gateway.mapping import nodes
from groundwatch.gateway.mapping.budget import MAX_FOREACH_ITERATIONS
from groundwatch.gateway.mapping.collection_methods import map_key
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.evaluation import text_of
from groundwatch.gateway.mapping.methods import find_method
from groundwatch.gateway.mapping.operators import OPERATORS
from groundwatch.gateway.mapping.run import (
    BreakLoop,
    CompiledMacro,
    DefinedBlock,
    Evaluable,
    Executable,
    Run,
    StopTemplate,
)
from groundwatch.gateway.mapping.text import render
from groundwatch.gateway.mapping.values import (
    Entry,
    Loop,
    TemplateObject,
    VtlList,
    VtlValue,
    truth,
)
from groundwatch.gateway.mapping.variables import PROVIDED

_Step = Callable[[Run, VtlValue], VtlValue]


def compile_template(block: nodes.Block) -> tuple[Executable, frozenset[str]]:
    """Return the closure that evaluates a parsed template, and the names of the variables that it mentions."""
    compiler = Compiler()
    return compiler.block(block), frozenset(compiler.names)


class Compiler:
    """Turns syntax trees into closures."""

    def __init__(self) -> None:
        self._expressions: dict[type, Callable[[VtlValue], Evaluable]] = {
            nodes.Constant: self._constant,
            nodes.Interpolated: self._interpolated,
            nodes.ListLiteral: self._list,
            nodes.RangeLiteral: self._range,
            nodes.MapLiteral: self._map,
            nodes.Not: self._not,
            nodes.Binary: self._binary,
            nodes.Reference: self._reference,
        }
        self._directives: dict[type, Callable[[VtlValue], Executable]] = {
            nodes.Text: self._text,
            nodes.Reference: self._output,
            nodes.Set: self._set,
            nodes.If: self._if,
            nodes.Foreach: self._foreach,
            nodes.Break: self._break,
            nodes.Stop: self._stop,
            nodes.Macro: self._macro,
            nodes.MacroCall: self._macro_call,
            nodes.Define: self._define,
        }
        self._cost = 0
        self.names: set[str] = set()
        """The variables that were mentioned so far."""

    def handled(self) -> frozenset[type]:
        """Return the node classes that have a meaning here."""
        return frozenset(self._expressions) | frozenset(self._directives)

    def expression(self, node: nodes.Expression) -> Evaluable:
        """Compile an expression."""
        self._cost += 1
        return self._expressions[type(node)](node)

    def block(self, block: nodes.Block) -> Executable:
        """Compile a block; each evaluation is charged with the number of its nodes."""
        outer, self._cost = self._cost, 1
        children = tuple(self._directives[type(child)](child) for child in block.children)
        cost = self._cost + len(children)
        self._cost = outer

        def run_block(run: Run) -> None:
            run.budget.charge(cost)
            for child in children:
                child(run)

        return run_block

    def _constant(self, node: nodes.Constant) -> Evaluable:
        value = node.value
        return lambda _run: value

    def _interpolated(self, node: nodes.Interpolated) -> Evaluable:
        block = self.block(node.block)
        return lambda run: run.capture(block)

    def _list(self, node: nodes.ListLiteral) -> Evaluable:
        items = [self.expression(item) for item in node.items]
        return lambda run: VtlList([item(run) for item in items])

    def _range(self, node: nodes.RangeLiteral) -> Evaluable:
        first, last = self.expression(node.first), self.expression(node.last)

        def make(run: Run) -> VtlList | None:
            start, end = first(run), last(run)
            if type(start) is not int or type(end) is not int:
                return None
            run.budget.charge(1 + abs(end - start))
            return VtlList(range(start, end + 1) if start <= end else range(start, end - 1, -1))

        return make

    def _map(self, node: nodes.MapLiteral) -> Evaluable:
        pairs = [(self.expression(key), self.expression(value)) for key, value in node.pairs]
        return lambda run: {map_key(run, key(run)): value(run) for key, value in pairs}

    def _not(self, node: nodes.Not) -> Evaluable:
        operand = self.expression(node.operand)
        return lambda run: not truth(operand(run))

    def _binary(self, node: nodes.Binary) -> Evaluable:
        left, right = self.expression(node.left), self.expression(node.right)
        if node.operator == "&&":
            return lambda run: truth(left(run)) and truth(right(run))
        if node.operator == "||":
            return lambda run: truth(left(run)) or truth(right(run))
        operate = OPERATORS[node.operator]
        return lambda run: operate(run, left(run), right(run))

    def _reference(self, node: nodes.Reference) -> Evaluable:
        name = node.name
        self.names.add(name)
        begin, following = self._beginning(node)
        steps = tuple(self._step(step) for step in following)
        if not steps:
            return begin

        def resolve(run: Run) -> VtlValue:
            value = begin(run)
            for step in steps:
                if value is None:
                    return None
                value = step(run, value)
            return value

        return resolve

    def _beginning(self, node: nodes.Reference) -> tuple[Evaluable, tuple[nodes.Step, ...]]:
        """Compile what a reference begins with, and return it with the steps that follow."""
        name = node.name

        def variable(run: Run) -> VtlValue:
            value = run.scope.get(name)
            return value.render(run) if isinstance(value, DefinedBlock) else value

        kind = PROVIDED.get(name)
        if kind is None or not node.steps or not isinstance(node.steps[0], nodes.Call):
            return variable, node.steps
        return self._provided_call(name, kind, node.steps[0], variable), node.steps[1:]

    def _provided_call(self, name: str, kind: type[TemplateObject], step: nodes.Call, variable: Evaluable) -> Evaluable:
        """Compile a call of something that the gateway provides: the method is known before there is a value."""
        self._cost += 1
        call, arguments = self._call(step)

        def find(run: Run) -> VtlValue:
            value = variable(run)
            return None if value is None else call(run, value)

        method = kind.methods.get(step.name)
        if method is None or len(arguments) != 1 or not method.minimum <= 1 <= method.maximum:
            return find
        function, (argument,) = method.function, arguments
        literal = step.arguments[0] if isinstance(step.arguments[0], nodes.Constant) else None
        constant = None if literal is None else literal.value

        def call_known(run: Run) -> VtlValue:
            value = run.scope.get(name)
            # A template may put something else in the place of `$input`.
            if type(value) is not kind:
                return find(run)
            return function(run, value, argument(run) if literal is None else constant)

        return call_known

    def _step(self, step: nodes.Step) -> _Step:
        self._cost += 1
        if isinstance(step, nodes.Property):
            name = step.name
            return lambda _run, value: get_property(value, name)
        if isinstance(step, nodes.Index):
            key = self.expression(step.key)
            return lambda run, value: get_index(run, value, key(run))
        return self._call(step)[0]

    def _call(self, step: nodes.Call) -> tuple[_Step, list[Evaluable]]:
        """Compile a call of whatever value it meets, and return it with its arguments."""
        name = step.name
        arguments = [self.expression(argument) for argument in step.arguments]
        count = len(arguments)

        def call(run: Run, value: VtlValue) -> VtlValue:
            method = find_method(value, name)
            if not method.minimum <= count <= method.maximum:
                raise MappingError(f"method {name}() does not take {count} arguments")
            return method.function(run, value, *[argument(run) for argument in arguments])

        return call, arguments

    def _text(self, node: nodes.Text) -> Executable:
        text = node.text
        return lambda run: run.write(text)

    def _output(self, node: nodes.Reference) -> Executable:
        resolve = self.expression(node)

        def output(run: Run) -> None:
            value = resolve(run)
            run.write(value if type(value) is str else render(value, run.budget))

        return output

    def _set(self, node: nodes.Set) -> Executable:
        value = self.expression(node.value)
        name = node.target.name
        self.names.add(name)
        if not node.target.steps:

            def assign(run: Run) -> None:
                result = value(run)
                if result is not None:  # A null leaves the variable as it was (Velocity 1.7).
                    run.scope[name] = result

            return assign
        *_, last = node.target.steps
        holder = self.expression(nodes.Reference(name, node.target.steps[:-1]))
        key = self.expression(last.key if isinstance(last, nodes.Index) else nodes.Constant(last.name))
        return lambda run: _put(run, holder(run), key(run), value(run))

    def _if(self, node: nodes.If) -> Executable:
        branches = tuple((self.expression(condition), self.block(block)) for condition, block in node.branches)
        otherwise = self.block(node.otherwise)

        def choose(run: Run) -> None:
            for condition, block in branches:
                if truth(condition(run)):
                    block(run)
                    return
            otherwise(run)

        return choose

    def _foreach(self, node: nodes.Foreach) -> Executable:
        iterable, body = self.expression(node.iterable), self.block(node.body)
        variable = node.variable

        def repeat(run: Run) -> None:
            items = _items(run, iterable(run))
            if items:
                outer = {name: run.scope.get(name) for name in (variable, "foreach", "velocityCount")}
                _loop(run, variable, items, body)
                run.scope.update(outer)

        return repeat

    def _break(self, _node: nodes.Break) -> Executable:
        def leave(_run: Run) -> None:
            raise BreakLoop

        return leave

    def _stop(self, _node: nodes.Stop) -> Executable:
        def stop(_run: Run) -> None:
            raise StopTemplate

        return stop

    def _macro(self, node: nodes.Macro) -> Executable:
        macro = CompiledMacro(node.parameters, self.block(node.body))
        name = node.name

        def define(run: Run) -> None:
            run.macros.setdefault(name, macro)

        return define

    def _macro_call(self, node: nodes.MacroCall) -> Executable:
        arguments = [self.expression(argument) for argument in node.arguments]
        name = node.name

        def call(run: Run) -> None:
            macro = run.macros.get(name)
            if macro is None:
                raise MappingError(f"macro #{name} is used before its definition")
            if len(arguments) != len(macro.parameters):
                raise MappingError(f"macro #{name} takes {len(macro.parameters)} arguments")
            _call_macro(run, macro, [argument(run) for argument in arguments])

        return call

    def _define(self, node: nodes.Define) -> Executable:
        body = self.block(node.body)
        name = node.name

        def define(run: Run) -> None:
            run.scope[name] = DefinedBlock(body)

        return define


def get_property(value: VtlValue, name: str) -> VtlValue:
    """Return what `.name` means: a map's member, or one of the few properties of other values; null otherwise."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, Entry):
        return value.key if name == "key" else value.value if name == "value" else None
    if isinstance(value, Loop | TemplateObject):
        return value.property(name)
    if name == "empty" and isinstance(value, str | list):
        return len(value) == 0
    return None


def get_index(run: Run, value: VtlValue, key: VtlValue) -> VtlValue:
    """Return what `[key]` means: a list's element or a map's member; null where there is none."""
    if isinstance(value, dict):
        return value.get(map_key(run, key))
    if isinstance(value, list):
        if type(key) is str and key.isascii() and key.isdigit() and len(key) < 10:
            key = int(key)
        if type(key) is int and -len(value) <= key < len(value):
            return value[key]
        return None
    return value.property(text_of(run, key)) if isinstance(value, TemplateObject) else None


def _put(run: Run, holder: VtlValue, key: VtlValue, value: VtlValue) -> None:
    if holder is None or value is None:
        return
    run.budget.mutated = True
    if isinstance(holder, dict):
        holder[map_key(run, key)] = value
    elif isinstance(holder, list) and type(key) is int and -len(holder) <= key < len(holder):
        holder[key] = value
    else:
        # A key may be a list that contains itself many times over: it is not shown.
        raise MappingError("what is no map or list, or no place in it, cannot be assigned to")


def _items(run: Run, value: VtlValue) -> list[VtlValue]:
    """Return a copy of what a loop goes through, so that the body may change the original."""
    if isinstance(value, dict):
        values = list(value.values())
    elif isinstance(value, list):
        values = value[:]
    else:
        return []
    run.budget.charge(len(values) // 16)
    return values


def _loop(run: Run, variable: str, items: list[VtlValue], body: Executable) -> None:
    scope = run.scope
    parent = scope.get("foreach")
    loop = Loop(len(items), parent if isinstance(parent, Loop) else None)
    if len(items) > MAX_FOREACH_ITERATIONS:
        run.budget.truncated_loops += 1
    scope["foreach"] = loop
    try:
        for index, item in enumerate(items[:MAX_FOREACH_ITERATIONS]):
            loop.index = index
            scope["velocityCount"] = index + 1
            scope[variable] = item
            body(run)
    except BreakLoop:
        return


def _call_macro(run: Run, macro: CompiledMacro, arguments: list[VtlValue]) -> None:
    run.budget.enter()
    outer = {name: run.scope.get(name) for name in macro.parameters}
    run.scope.update(zip(macro.parameters, arguments, strict=True))
    macro.body(run)
    run.scope.update(outer)
    run.budget.leave()
