"""The template language beyond the vectors: directives, white space, values and methods, as in Velocity 1.7."""

from __future__ import annotations

from typing import get_args

import pytest

from groundwatch.gateway.mapping import nodes
from groundwatch.gateway.mapping.compiler import Compiler
from groundwatch.gateway.mapping.errors import MappingError, TemplateSyntaxError
from groundwatch.gateway.mapping.template import Template

DOCUMENT = '{"s":"text","n":7,"d":1.50,"t":true,"z":null,"l":[{"a":"x/y"},2,null],"m":{"k":"v","z":null},"e":[]}'

RENDERINGS = [
    # references
    ("$nothing|$!nothing|${nothing}|$!{nothing}", "|||", "undefined references are empty"),
    ("${context.stage}ing", "proding", "braces end a name"),
    ("$context.stage.", "prod.", "a dot at the end is text"),
    ("$", "$", "a lone dollar sign"),
    ("$5 #333 #nothing #nothing(1)", "$5 #333 #nothing #nothing(1)", "what is no directive is text"),
    (r"\$context.stage \#set", "$context.stage #set", "escapes"),
    (r'{\"a\"}', r'{\"a\"}', "backslashes elsewhere are text"),
    ("#[[ $context.stage #set ]]#", " $context.stage #set ", "unparsed text"),
    # directives and white space
    ("a\n  #set($x = 1)  \nb", "a\nb", "#set swallows the blanks around it and its line end"),
    ("#if(true)  \n  x\n#end  \ny", "  x\ny", "#if and #end swallow their line ends, not the indentation"),
    ("#if(true) x #end y", " x  y", "text on the same line is kept"),
    ("#if(false)a#{elseif}(true)b#{end}c", "bc", "braces around directive names"),
    ("#if($z)a#else\nb#end", "b", "#else swallows its line end"),
    ("#foreach($i in [3..1])$i#end", "321", "a range downwards"),
    ("#foreach($v in {'a':1,'b':2})$v#end", "12", "a map gives its values"),
    ("#foreach($i in $nothing)x#end#foreach($i in 'abc')x#end", "", "nothing and texts are not iterated"),
    ("#foreach($i in [1..5])$i#if($i == 2)#break#end#end!", "12!", "#break"),
    ("a#stop b", "a", "#stop"),
    ("#set($i = 9)#foreach($i in [1..2])$i#end$i", "129", "the loop variable is restored"),
    ("#foreach($a in [1..2])#foreach($b in [1])$foreach.parent.index#end#end", "01", "$foreach.parent"),
    ("#foreach($a in [1..2])$velocityCount#end", "12", "$velocityCount"),
    ("#foreach($a in [1..3])#if($foreach.first)f#end#if($foreach.last)l#end#end", "fl", "first and last"),
    ("#foreach($a in [1..2000])#set($n = $a)#end$n", "1000", "a loop ends after 1000 iterations"),
    ("#macro(m $a $b)<$a,$b>#end#m('x' 2)#m(1, 2)", "<x,2><1,2>", "macros, with blanks or commas"),
    ("#define($d)$x#end#set($x=1)$d#set($x=2)$d", "12", "a block is evaluated at each use"),
    # expressions
    ("#set($x = 1 + 2 * 3 - 4 / 2)$x", "5", "precedence"),
    ("#set($x = (1 + 2) * 3)$x", "9", "parentheses"),
    ("#set($x = -7 / 2)$x #set($x = -7 % 4)$x", "-3-3", "division and modulo truncate towards zero"),
    ("#set($x = 1 / 0)<$x>", "<>", "a division by zero is null"),
    ("#set($x = 1.5 + 1)$x", "2.5", "decimals"),
    ("#set($x = 'a' + 1 + true)$x", "a1true", "plus joins texts"),
    ("#set($x = 1)#set($x = $nothing)$x", "1", "a null leaves the variable unchanged"),
    ("#if(1 == 1.0)y#end#if('1' == 1)y#end#if(true == 1)y#end", "yy", "equality by value, then by text"),
    ("#if($nothing == '')y#end#if([] == '')n#end#if('' == $nothing)y#end", "yy", "null equals the empty text"),
    ("#if('')a#end#if(0)b#end#if([])c#end#if($nothing)d#end#if(false)e#end", "abc", "only null and false are false"),
    ("#if(!$nothing && not false || false)y#end", "y", "boolean operators"),
    ("#if('5' < 6)y#{else}n#end", "n", "texts are not ordered"),
    ("#if(1 le 1 && 2 gt 1 and 1 ne 2 or false)y#end", "y", "word operators"),
    ('#set($x = "a""b$context.stage")$x', 'a"bprod', "a doubled quote is a quote"),
    ("#set($x = 'a''b')$x", "a'b", "also in single quotes"),
    ('#set($x = "#if(true)y#end")$x', "y", "directives inside a text"),
    # values
    ("$input.path('$')", '{s=text, n=7, d=1.5, t=true, z=null, l=[{"a":"x\\/y"},2,null], m={k=v, z=null}, e=[]}',
     "a map"),
    ("$input.path('$.l[0]')", "{a=x/y}", "an element by its own type"),
    ("#set($x = [1, 'a', [2], {'k': 'v'}])$x", "[1, a, [2], {k=v}]", "a list of the template"),
    ("#set($x = 10000000.0)$x #set($x = 0.0001)$x", "1.0E71.0E-4", "doubles as in Java"),
    ("$context.identity|$context.identity.sourceIp", "|203.0.113.9", "nested context is empty as a whole"),
    # assignments
    ("#set($x = {'a': 1})#set($x.b = 2)#set($x['c'] = 3)$x", "{a=1, b=2, c=3}", "members"),
    ("#set($x = [1, 2])#set($x[0] = 9)$x", "[9, 2]", "elements"),
    ("#set($x-y = 1)$x-y", "1", "dashes are part of names"),
    ("#set($nothing.a = 1)<$nothing.a>", "<>", "a member of nothing"),
    # $input, $util and the others
    ("$input.json('$.d')|$input.json('$.l')|$input.json('$.s')", '1.5|[{"a":"x/y"},2,null]|"text"', "JSON text"),
    ("$input.json('$.z')|$input.json('$.nope')", '""|""', "no value is two quotes"),
    ("$input.params().keySet()", "[path, querystring, header]", "the members of params()"),
    ("$input.params('X-TRACE') $input.params().header.get('x-trace')", "1 1", "headers in any case"),
    ("$stageVariables.v $stageVariables['v'] $stageVariables.get('v') <$stageVariables.w>", "sv sv sv <>", "variables"),
    ("$util.urlDecode('a+b%2F') $util.urlEncode($nothing)", "a b/ ", "URL coding"),
    ("$util.urlEncode('*~ü')", "*%7E%C3%BC", "as Java's URLEncoder"),
    ("$util.base64Decode('w7w=')", "ü", "base64 is UTF-8"),
    ("$util.base64Decode('w7w')", "ü", "base64 needs no padding"),
    ("$util.base64Decode('Pz8_')$util.base64Decode('fn5-')", "???~~~", "base64 of URLs and tokens"),
    ("$util.escapeJavaScript($input.path('$.n'))", "7", "what is no text is made one"),
    ("#set($x = $util.parseJson('[1]'))$x[0]", "1", "parseJson"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "expected"), [pytest.param(t, e, id=i) for t, e, i in RENDERINGS])
def test_rendering(template, expected, render):
    context = {"stage": "prod", "identity": {"sourceIp": "203.0.113.9"}}
    given = {"context": context, "header": {"X-Trace": "1"}, "stageVariables": {"v": "sv"}}
    assert render(template, DOCUMENT, **given) == expected


METHODS = [
    ("a,b,,", "$s.split(',').size()", "2"),
    ("a.b", "$s.split('\\.').get(1)", "b"),
    ("abc", "$s.substring(1)$s.substring(0, 1)$s.charAt(1)$s.length()", "bcab3"),
    ("Abc", "$s.toLowerCase()$s.toUpperCase()$s.equalsIgnoreCase('ABC')$s.equals('abc')", "abcABCtruefalse"),
    ("a-b-a", "$s.indexOf('a', 1) $s.lastIndexOf('b') $s.indexOf('z')", "4 2 -1"),
    ("aXbX", "$s.replace('X', '.') $s.replaceAll('[X]', '\\$') $s.replaceFirst('X', '')", "a.b. a$b$ abX"),
    ("john smith", "$s.replaceAll('(\\w+) (\\w+)', '$2 $1')", "smith john"),
    ("a1", "$s.matches('[a-z]') $s.matches('[a-z][0-9]')", "false true"),
    (" a ", "<$s.trim()> $s.isEmpty() $s.startsWith(' a') $s.endsWith('a')", "<a> false true false"),
    ("x", "$s.concat('y') $s.hashCode() $s.compareTo('y') $s.toString()", "xy 120 -1 x"),
    ("%s: %03d of 100%%", "$s.format($s, 'n', 7)", "n: 007 of 100%"),
    ("", "#set($i = 0)$i.parseInt('42') $i.intValue() $i.toString()", "42 0 0"),
    ("", "#set($l = [1, 2, 3])$l.remove(0) $l.contains(3) $l.indexOf(3) $l.subList(0, 1) $l.isEmpty()",
     "1 true 1 [2] false"),
    ("", "#set($l = [1])$l.add(0, 9)$l.addAll([5])$l.set(0, 8)$l", "true9[8, 1, 5]"),
    ("", "#set($m = {'a': 1})$m.put('a', 2)$m.containsKey('a')$m.containsValue(2)$m.remove('a')$m.isEmpty()",
     "1truetrue2true"),
    ("", "#set($m = {})$m.putAll({'a': 1})$m.values()$m.entrySet()$m.getOrDefault('b', 'c')", "[1][a=1]c"),
    ("", "#foreach($e in {'a': 1}.entrySet())x#end", None),
    ("", "#set($m = {'a': 1})#foreach($e in $m.entrySet())$e.getKey()=$e.getValue()#end", "a=1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "template", "expected"), METHODS)
def test_methods(text, template, expected, render):
    template = "#set($s = $input.params('s'))" + template
    if expected is None:
        with pytest.raises(TemplateSyntaxError):
            render(template)
    else:
        assert render(template, querystring={"s": text}) == expected


REFUSED = [
    "$s.substring(9)", "$s.charAt(-1)", "$s.upper()", "$s.length(1)", "$s.split('(?=a)')", "$s.replaceAll('a', '$3')",
    "$s.format('%c', 1)", "$util.toJson(1)", "$util.base64Decode('a')", "$util.parseJson('{')", "$input.body()",
    "#set($l = [])$l.get(0)", "#set($i = 1)$i.parseInt('x')", "$input.path('$..')", "$input.path('$.a.first()')",
]  # fmt: skip


@pytest.mark.parametrize("template", REFUSED)
def test_what_java_would_throw_or_is_not_available_is_an_error(template, render):
    with pytest.raises(MappingError):
        render("#set($s = 'abc')" + template)


SYNTAX = [
    ("#if(true)", "expected #end", 1, 10),
    ("a\n#end", "#end, #else or #elseif without its directive", 2, 1),
    ("#set($x 1)", "expected '='", 1, 9),
    ("#set($x.y() = 1)", "a method call cannot be assigned to", 1, 12),
    ("#* open", "comment without end", 1, 1),
    ("#[[ open", "unparsed text without end", 1, 1),
    ("#set($x = 'open)", "string without end", 1, 11),
    ("#set($x = nope)", "expected a value", 1, 11),
    ("#parse('a')", "#parse is not available", 1, 1),
    ("#include('a')", "#include is not available", 1, 1),
    ("#evaluate('a')", "#evaluate is not available", 1, 1),
    ("${x", "expected '}'", 1, 4),
    ("#foreach($x $y)#end", "expected 'in'", 1, 13),
    ("#macro(a-b)#end", "no dashes", 1, 11),
    ("x" * (300 * 1024 + 1), "characters", 1, 1),
]


@pytest.mark.parametrize(("template", "problem", "line", "column"), [pytest.param(*r, id=r[1]) for r in SYNTAX])
def test_syntax_errors_have_a_place(template, problem, line, column):
    with pytest.raises(TemplateSyntaxError, match=problem) as caught:
        Template(template)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_every_node_has_a_meaning():
    steps = {nodes.Property, nodes.Index, nodes.Call}
    assert Compiler().handled() == set(get_args(nodes.Expression)) | set(get_args(nodes.Node)) - steps
