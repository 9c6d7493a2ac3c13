"""From expressions to SQL: names, literals, operators and calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.formats import LAMBDA_NUMBERS, LAMBDA_TEXTS, lambda_pattern, lambda_value
from groundwatch.logs.insights.functions.aggregates import AGGREGATES
from groundwatch.logs.insights.functions.function import Argument
from groundwatch.logs.insights.functions.open_search import PREFIX
from groundwatch.logs.insights.functions.table import FUNCTIONS
from groundwatch.logs.insights.pipeline import MESSAGE, POINTER, Pipeline
from groundwatch.logs.insights.regexes import compiled, for_engine
from groundwatch.logs.insights.values import FALSE, Kind, Value, as_condition, as_number, as_text, is_present

SYSTEM_FIELDS = ("@timestamp", "@message", "@logStream", "@log", "@ingestionTime")
FIELDS_NOT_YET = frozenset(
    {
        *("@entity", "@aws", "@source", "@data_source_name", "@data_source_type", "@data_format", POINTER),
    }
)
MAX_OPERANDS = 200
SLIP = 0.8
"""How near a name is to a field's that can only be meant."""
NO_NUMBER = "CAST(NULL, 'Nullable(Float64)')"
NO_TEXT = "CAST(NULL, 'Nullable(String)')"
EXACT_DIGITS = 15
"""Up to how many digits a double holds every integer."""
LIKE_SPECIAL = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def lower(node: nodes.Expression, pipeline: Pipeline) -> Value:  # noqa: PLR0911, PLR0912 - a case a node
    """Return the value of an expression over the rows of the pipeline."""
    match node:
        case nodes.Name():
            return resolve(node, pipeline)
        case nodes.Text() | nodes.Number() | nodes.Boolean():
            return _literal(node, pipeline)
        case nodes.Call():
            return _call(node, pipeline)
        case nodes.Negative():
            return Value("number", f"(-{_number(node.operand, pipeline)})")
        case nodes.Arithmetic():
            return Value("number", f"({_arithmetic(node, pipeline)})")
        case nodes.Compare():
            left, right = lower(node.left, pipeline), lower(node.right, pipeline)
            return Value("boolean", compare(node.order, left, right, pipeline))
        case nodes.Like():
            return Value("boolean", _like(node, pipeline))
        case nodes.In():
            return Value("boolean", _in(node, pipeline))
        case nodes.InQuery():
            return Value("boolean", _in_query(node, pipeline))
        case nodes.Exists():
            return Value("boolean", _exists(node, pipeline))
        case nodes.OneValue():
            return _one_value(node, pipeline)
        case nodes.Not():
            return Value("boolean", f"(NOT {as_condition(lower(node.operand, pipeline))})")
        case nodes.Every() | nodes.Some():
            return Value("boolean", _joined(node, pipeline))
        case nodes.Period():
            raise malformed("a period of time is an argument of bin, datefloor and dateceil alone", node.span)
        case nodes.Regex():
            raise malformed("a regular expression follows like and =~ alone", node.span)


def lowering_with(computed: Mapping[Span, Value], node: nodes.Expression, pipeline: Pipeline) -> Value:
    """Return the value of an expression in which some calls have been computed already."""
    pipeline.computed = computed
    try:
        return lower(node, pipeline)
    finally:
        pipeline.computed = {}


def text_of(source: nodes.Name | None, pipeline: Pipeline) -> str:
    """Return the text of a field, of the message where none is named."""
    return as_text(pipeline.system(MESSAGE) if source is None else resolve(source, pipeline))


def resolve(name: nodes.Name, pipeline: Pipeline) -> Value:
    """Return what a name stands for: a name of the query, a system field, or a field of the message."""
    text = name.text
    if text in pipeline.names:
        return pipeline.names[text]
    if name.segments[0] in pipeline.attached and len(name.segments) > 1:
        return pipeline.attached[name.segments[0]].value(nodes.Name(name.span, name.segments[1:]))
    for length in range(len(name.segments) - 1, 0, -1):
        known = pipeline.names.get(".".join(name.segments[:length]))
        if known is not None and known.kind == "json":
            return pipeline.inside(known, nodes.steps_of(name.segments[length:]))
    if not pipeline.events:
        near = suggestion(text, pipeline.names)
        raise malformed(f"Unknown symbols found in or after stats: {text}{near}", name.span)
    value = _of_event(name, text, pipeline)
    for member in pipeline.flattened if not text.startswith("@") else ():
        value = _either(member(name), value, pipeline)
    return value


def _either(first: Value, second: Value, pipeline: Pipeline) -> Value:
    """Return the first value where there is one, else the second."""
    texts = [pipeline.shared(as_text(value)) for value in (first, second)]
    numbers = ", ".join(as_number(value) for value in (first, second))
    return Value("text", f"coalesce({', '.join(texts)})", number=f"if(isNotNull({texts[0]}), {numbers})")


def _of_event(name: nodes.Name, text: str, pipeline: Pipeline) -> Value:
    if text in SYSTEM_FIELDS:
        return pipeline.system(text)
    if text in FIELDS_NOT_YET or name.segments[0] in FIELDS_NOT_YET:
        raise malformed(f"the field {text} is not supported by Groundwatch", name.span)
    pattern = lambda_pattern(text)
    if pattern is not None:
        return lambda_value(text, pipeline.found(pattern))
    if text.startswith("@@"):
        return pipeline.discovered(path_of((name.segments[0][1:], *name.segments[1:])))
    if text.startswith("@"):
        near = suggestion(text, [*SYSTEM_FIELDS, *LAMBDA_TEXTS, *LAMBDA_NUMBERS], near=SLIP)
        if near:
            # Messages cannot bring names with one @, so this can only be a slip, and would be null in every row.
            raise malformed(f"unknown field {text}{near}", name.span)
        return Value("text", NO_TEXT)
    return pipeline.discovered(path_of(name.segments))


def path_of(segments: Sequence[str]) -> tuple[str | int, ...]:
    """Return the path in a document that segments of a name spell: numbers behind the first are places in arrays."""
    return (segments[0], *nodes.steps_of(segments[1:]))


def _literal(node: nodes.Text | nodes.Number | nodes.Boolean, pipeline: Pipeline) -> Value:
    match node:
        case nodes.Boolean():
            return Value("boolean", "1" if node.value else "0", literal=str(int(node.value)))
        case nodes.Number():
            number = pipeline.bind(_finite(node), "Float64")
            return Value("number", number, text=pipeline.bind(node.spelled, "String"), literal=node.spelled)
        case nodes.Text():
            read = _read(node.value)
            bound = NO_NUMBER if read is None else pipeline.bind(read, "Float64")
            return Value("text", pipeline.bind(node.value, "String"), number=bound, literal=node.value)


def _finite(node: nodes.Number) -> float:
    number = float(node.spelled)
    if not math.isfinite(number):
        raise malformed(f"the number {node.spelled[:20]} is out of range", node.span)
    return number


def _read(text: str) -> float | None:
    if not text or text.strip() != text or not (text[-1].isdigit() or text[-1] == ".") or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _number(node: nodes.Expression, pipeline: Pipeline) -> str:
    return as_number(lower(node, pipeline))


def _arithmetic(node: nodes.Arithmetic, pipeline: Pipeline) -> str:
    if len(node.rest) >= MAX_OPERANDS:
        raise malformed(f"more than {MAX_OPERANDS} operands in a row", node.span)
    result = _number(node.first, pipeline)
    for operator, operand in node.rest:
        number = _number(operand, pipeline)
        match operator:
            case "/":
                result = f"{result} / nullIf({number}, 0)"
            case "%":
                # The engine's own remainder works on integers.
                left, right = pipeline.shared(f"({result})"), pipeline.shared(f"nullIf({number}, 0)")
                result = f"({left} - {right} * trunc({left} / {right}))"
            case "^":
                result = f"pow({pipeline.shared(result)}, {number})"
            case _:
                result = f"{result} {operator} {number}"
    return result


def compare(order: nodes.Order, left: Value, right: Value, pipeline: Pipeline) -> str:
    """Return a comparison: as numbers where both sides are or look like numbers, else as text; false with a null."""
    integers = [_integer(side, pipeline) for side in (left, right)]
    if None not in integers and {side.literal is None for side in (left, right)} == {True, False}:
        return f"ifNull({integers[0]} {order} {integers[1]}, 0)"
    if "time" in (left.kind, right.kind) or all(_is_number(side) for side in (left, right)):
        return f"ifNull({as_number(left)} {order} {as_number(right)}, 0)"
    if any(_is_text(side, order) for side in (left, right)):
        return f"ifNull({as_text(left)} {order} {as_text(right)}, 0)"
    if order == "=" and any(side.literal is not None for side in (left, right)):
        # The constant is a number, and what is none cannot equal it: its text need not be made.
        return f"ifNull({as_number(left)} = {as_number(right)}, 0)"
    left, right = pipeline.shared_value(left), pipeline.shared_value(right)
    numbers = [pipeline.shared(as_number(side)) for side in (left, right)]
    both = " AND ".join(f"isNotNull({number})" for number in numbers)
    texts = [as_text(side) for side in (left, right)]
    return f"ifNull(if({both}, {f' {order} '.join(numbers)}, {f' {order} '.join(texts)}), 0)"


def _integer(value: Value, pipeline: Pipeline) -> str | None:
    """Return a value that is an integer as such; None for all others."""
    spelled = value.literal or ""
    if value.kind == "number" and spelled.isdecimal() and len(spelled) <= EXACT_DIGITS:
        return pipeline.bind(int(spelled), "Int64")
    return value.key


def _is_number(value: Value) -> bool:
    return (value.numeric or value.kind in {"number", "boolean"}) and not _is_long(value)


def _is_text(value: Value, order: nodes.Order) -> bool:
    """Return whether a constant is compared as text: it is no number, or longer than a double is exact."""
    if value.literal is None:
        return False
    return value.number == NO_NUMBER or (order in {"=", "!="} and _is_long(value))


def _is_long(value: Value) -> bool:
    digits = (value.literal or "").lstrip("+-")
    return digits.isdecimal() and len(digits) > EXACT_DIGITS


def _like(node: nodes.Like, pipeline: Pipeline) -> str:
    text = as_text(lower(node.subject, pipeline))
    no = "NOT " if node.negated else ""
    match node.pattern:
        case nodes.Regex():
            compiled(node.pattern)
            found = f"match({text}, {pipeline.bind(for_engine(node.pattern.expression), 'String')})"
        case nodes.Text():
            # LIKE, since the index on messages answers it.
            wanted = f"%{node.pattern.value.translate(LIKE_SPECIAL)}%"
            found = f"{text} LIKE {pipeline.bind(wanted, 'String')}"
        case _:
            found = f"position({text}, ifNull({as_text(lower(node.pattern, pipeline))}, '')) > 0"
    return f"ifNull({no}({found}), 0)"


def _in(node: nodes.In, pipeline: Pipeline) -> str:
    if len(node.choices) > MAX_OPERANDS:
        raise malformed(f"more than {MAX_OPERANDS} values in a list", node.span)
    subject = pipeline.shared_value(lower(node.subject, pipeline))
    choices = [lower(choice, pipeline) for choice in node.choices]
    if choices and all(_is_text(choice, "=") for choice in choices) and subject.kind != "time":
        listed = pipeline.bind([choice.literal for choice in choices], "Array(String)")
        # Unlike `has`, IN looks each word up once, and not in every row.
        found = f"ifNull({as_text(subject)} IN {listed}, 0)"
    else:
        found = " OR ".join(compare("=", subject, choice, pipeline) for choice in choices) or FALSE
    return f"({is_present(subject)} AND NOT ({found}))" if node.negated else f"({found})"


def _in_query(node: nodes.InQuery, pipeline: Pipeline) -> str:
    inner, value = _only_column(node.query, pipeline)
    found = _membership(pipeline, inner, node.query, [(node.subject, value)])
    if not node.negated:
        return found
    return f"(isNotNull({as_text(lower(node.subject, pipeline))}) AND NOT {found})"


def _forked(query: nodes.Subquery, pipeline: Pipeline) -> Pipeline:
    if pipeline.fork is None:
        raise malformed("a subquery cannot have a subquery itself", query.span)
    return pipeline.fork(query)


def _only_column(query: nodes.Subquery, pipeline: Pipeline) -> tuple[Pipeline, Value]:
    inner = _forked(query, pipeline)
    columns = inner.columns()
    if len(columns) != 1:
        said = f"a subquery gives one column, this one {len(columns)}: end it with fields and one field"
        raise malformed(said, query.span)
    return inner, columns[0].value


def _one_value(node: nodes.OneValue, pipeline: Pipeline) -> Value:
    inner, value = _only_column(node.query, pipeline)
    kind: Kind = value.kind if value.kind in {"number", "time"} else "text"
    sql = value.sql if kind == value.kind else as_text(value)
    table = pipeline.statement.table(lambda: inner.subselect({"value": f"toNullable({sql})"}))
    return Value(kind, f"(SELECT any(value) FROM {table})")  # noqa: S608 - every value is bound


def _exists(node: nodes.Exists, pipeline: Pipeline) -> str:
    inner = _forked(node.query, pipeline)
    if node.query.ties:
        return _membership(pipeline, inner, node.query, [])
    table = pipeline.statement.table(lambda: inner.subselect({"value": "1"}, "LIMIT 1"))
    return f"((SELECT count() FROM {table}) > 0)"  # noqa: S608 - every value is bound


def _membership(
    pipeline: Pipeline, inner: Pipeline, query: nodes.Subquery, pairs: Sequence[tuple[nodes.Expression, Value]]
) -> str:
    """Return whether a row of a subquery has the values of expressions, and those that the query is tied by."""
    pairs = [*pairs, *((outer, lower(own, inner)) for outer, own in query.ties)]
    columns = {f"value_{place}": as_text(value) for place, (_, value) in enumerate(pairs)}
    present = " AND ".join(f"{name} IS NOT NULL" for name in columns)
    table = pipeline.statement.table(lambda: inner.subselect(columns, f"WHERE {present}"))
    outers = [pipeline.shared(as_text(lower(outer, pipeline))) for outer, _ in pairs]
    known = " AND ".join(f"isNotNull({outer})" for outer in outers)
    values = ", ".join(f"ifNull({outer}, '')" for outer in outers)
    return f"({known} AND ({values}) IN (SELECT {', '.join(columns)} FROM {table}))"  # noqa: S608


def _joined(node: nodes.Every | nodes.Some, pipeline: Pipeline) -> str:
    if len(node.parts) > MAX_OPERANDS:
        raise malformed(f"more than {MAX_OPERANDS} conditions in a row", node.span)
    word = " AND " if isinstance(node, nodes.Every) else " OR "
    return f"({word.join(as_condition(lower(part, pipeline)) for part in node.parts)})"


def _call(node: nodes.Call, pipeline: Pipeline) -> Value:
    known = pipeline.computed.get(node.span)
    if known is not None:
        return known
    function = FUNCTIONS.get(node.function.lower())
    if node.star or function is None:
        raise _unknown(node)
    arguments = [
        Argument(part, None if isinstance(part, nodes.Period) else lower(part, pipeline)) for part in node.arguments
    ]
    return function.apply(pipeline, arguments, node.span)


def _unknown(node: nodes.Call) -> Exception:
    name = node.function.lower()
    if name in AGGREGATES:
        return malformed(f"{node.function} is an aggregate: it stands in stats, and in no other aggregate", node.span)
    near = suggestion(name, [known for known in (*FUNCTIONS, *AGGREGATES) if not known.startswith(PREFIX)])
    return malformed(f"unknown function {node.function}{near}", node.span)
