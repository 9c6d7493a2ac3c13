"""Templates that try to leave the language or to use up the process: refused, and quickly."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from groundwatch.gateway.mapping.errors import MappingError, TemplateLimitError, TemplateSyntaxError
from groundwatch.gateway.mapping.template import Template

ESCAPES = [
    "$s.getClass()", "$s.getClass().forName('java.lang.Runtime')", "$input.getClass()", "$util.getClass()",
    "$s.__class__()", "$s.__init__()", "$input.__getattribute__('x')", "$s.encode()", "$l.append(1)", "$l.sort()",
    "$m.items()", "$m.clear()", "$m.pop('a')", "$input.document()", "$util.methods.get('x').function()", "$l.__len__()",
    "$input._payload()", "$s.join($l)", "$i.bit_length()", "$e.getClass()", "$context.getClass()",
    "$foreach.property('x')",
]  # fmt: skip
SETUP = "#set($s = 'a')#set($l = [1])#set($m = {'a': 1})#set($i = 1)#foreach($x in $m.entrySet())#set($e = $x)#end"


@pytest.mark.parametrize("template", ESCAPES)
def test_no_method_but_the_listed_ones(template, render):
    if template.startswith(("$util.methods", "$foreach")):
        assert render(SETUP + template) == ""  # There is no such property, so nothing is called.
    else:
        with pytest.raises(MappingError, match="not available"):
            render(SETUP + template)


PROPERTIES = [
    "$s.class", "$s.__class__", "$s['__class__']", "$s.__class__.__mro__", "$l.__class__", "$m.__class__", "$i.real",
    "$input.__class__", "$input.methods", "$input['methods']", "$input._payload", "$util.methods", "$context.__dict__",
    "$s.upper", "$m.keys", "$e.__slots__", "$input.path", "$util.__init__.__globals__", "$stageVariables.__class__",
]  # fmt: skip


@pytest.mark.parametrize("template", PROPERTIES)
def test_no_property_of_python_is_visible(template, render):
    assert render(SETUP + template) == ""


LOOPS = [
    pytest.param("#set($a='x')#foreach($i in [1..1000])#set($a=$a+$a)#end$a", id="doubling by plus"),
    pytest.param('#set($a="x")#foreach($i in [1..1000])#set($a="$a$a")#end$a', id="doubling by interpolation"),
    pytest.param("#set($a='x')#foreach($i in [1..1000])#set($a=$a.replaceAll('x','xx'))#end$a", id="doubling by regex"),
    pytest.param("#set($a='x')#foreach($i in [1..1000])#set($a=$a.replace('x','xx'))#end$a", id="doubling by replace"),
    pytest.param("#set($a='x')#foreach($i in [1..1000])#set($a=$a.concat($a))#end$a", id="doubling by concat"),
    pytest.param("#set($a='x')#foreach($i in [1..1000])#set($a=$util.base64Encode($a))#end$a", id="growth by base64"),
    pytest.param("#foreach($i in [1..1000])#foreach($j in [1..1000])#foreach($k in [1..9])#end#end#end", id="loops"),
    pytest.param("#macro(a)#a()#end#a()", id="a macro that calls itself"),
    pytest.param("#macro(a)#a()#a()#end#a()", id="a macro that calls itself twice"),
    pytest.param("#define($a)$a$a#end$a", id="a block that contains itself"),
    pytest.param("#set($n=99999)#foreach($i in [1..1000])#set($n=$n*$n)#end$n", id="squaring"),
    pytest.param("#foreach($i in [1..1000000000])x#end", id="a long range"),
    pytest.param("#set($l=[1])#foreach($i in [1..60])#set($x=$l.addAll($l))#end", id="a list that doubles"),
    pytest.param("#set($l=[1])#foreach($i in [1..60])#set($l=[$l,$l])#end$l", id="a list of itself, rendered"),
    pytest.param(
        "#set($a=[1])#set($b=[1])#foreach($i in [1..60])#set($a=[$a,$a])#set($b=[$b,$b])#end#if($a==$b)#end",
        id="lists of themselves, compared",
    ),
    pytest.param("#set($l=[1])#set($x=$l.add($l))$l", id="a list in itself, rendered"),
    pytest.param("#set($p=$input.path('$'))#set($x=$p.put('p',$p))$input.json('$')", id="a payload in itself, as JSON"),
    pytest.param(
        "#set($p=$input.path('$'))#set($x=$p.put('p',$p))$input.path('$..x')", id="a payload in itself, searched"
    ),
    pytest.param("#foreach($i in [1..1000])$input.body.replaceAll('[x]','y')#end", id="regex on a long text"),
    pytest.param("#foreach($i in [1..1000])$input.body.split('').size()#end", id="splitting a long text"),
    pytest.param("#foreach($i in [1..1000])$input.path('$..*')#end", id="searching again and again"),
]


@pytest.mark.parametrize("template", LOOPS)
def test_evaluation_is_bounded(template, render):
    body = json.dumps({"x": "x" * 50_000, "l": list(range(1000))})
    with pytest.raises(TemplateLimitError):
        render(template, body, steps=200_000)


@pytest.mark.parametrize(
    "template", ["$input.json('$..*')", "$input.json(\"$['x'" + ",'x'" * 110 + ']")'], ids=["nested", "repeated"]
)
def test_a_search_that_finds_the_same_again_and_again_is_not_written_out(template, render):
    nested = {"x": ["x" * 100_000]}
    for _ in range(300):
        nested = {"x": nested, "y": 1}
    tracemalloc.start()
    with pytest.raises(TemplateLimitError, match=r"characters|steps"):
        render(template, json.dumps(nested), steps=1_000_000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 40_000_000


def test_backtracking_is_linear(render):
    assert render("$input.body.matches('(x+x+)+y')", "x" * 100_000) == "false"


NESTED = [
    pytest.param("#set($a=" + "[" * 100_000, id="lists"),
    pytest.param("#set($x=" + "[$x.f(" * 1000 + "1" + ")]" * 1000 + ")", id="calls in lists"),
    pytest.param("#set($a=" + "!" * 100_000 + "1)", id="negations"),
    pytest.param("#set($a=1" + "+1" * 100_000 + ")", id="operators"),
    pytest.param("#if(1)" * 50_000, id="blocks"),
    pytest.param("$a[" * 100_000, id="indexes"),
    pytest.param('#set($a="' * 30_000, id="strings"),
    pytest.param("${a" * 100_000, id="braces"),
    pytest.param("#*" + "#*" * 100_000, id="comments"),
    pytest.param("#set($a = " + "{'a':" * 10_000 + ")", id="maps"),
]


@pytest.mark.parametrize("template", NESTED)
def test_parsing_is_bounded(template):
    with pytest.raises(TemplateSyntaxError):
        Template(template)


def test_output_is_bounded(render):
    with pytest.raises(TemplateLimitError, match="output"):
        render("#foreach($i in [1..1000])$input.body#end", "x" * 100_000)
