"""JSONPath as Jayway evaluates it."""

from __future__ import annotations

import json

import pytest

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.errors import MappingError, TemplateLimitError
from groundwatch.gateway.mapping.jsonpath import PathCache, evaluate, parse_path

STORE = {
    "books": [
        {"title": "A", "price": 5, "tags": ["x"]},
        {"title": "B", "price": 12.5, "isbn": "1"},
        {"title": "c", "price": 20, "isbn": None, "sold": True},
    ],
    "limit": 12,
    "odd-name": {"a.b": 1, "it's": 2},
    "empty": [],
}

ROWS = [
    ("$", STORE, "the root"),
    ("$.limit", 12, "a name"),
    ("limit", 12, "a path without root"),
    ("$['odd-name']['a.b']", 1, "names in brackets"),
    ('$["odd-name"]["it\'s"]', 2, "double quotes"),
    ("$['odd-name']['it\\'s']", 2, "an escaped quote"),
    ("$.odd-name", {"a.b": 1, "it's": 2}, "a dash in a name"),
    ("$.books[0].title", "A", "an index"),
    ("$.books[-1].title", "c", "an index from the end"),
    ("$.books[9].title", None, "an index that is not there"),
    ("$.nope.deeper", None, "a name that is not there"),
    ("$.books.title", None, "a name of a list"),
    ("$.books[0:2].title", ["A", "B"], "a slice"),
    ("$.books[-2:].title", ["B", "c"], "a slice from the end"),
    ("$.books[:1].title", ["A"], "a slice from the start"),
    ("$.books[0,2].title", ["A", "c"], "a union of indexes"),
    ("$.books[0]['title','price']", ["A", 5], "a union of names"),
    ("$.books[*].isbn", ["1", None], "a wildcard leaves out what is not there"),
    ("$.empty[*]", [], "a wildcard over nothing"),
    ("$['odd-name'].*", [1, 2], "a wildcard over a map"),
    ("$..price", [5, 12.5, 20], "everything below"),
    ("$..books[0].title", ["A"], "a step after the search"),
    ("$..['title','price']", ["A", 5, "B", 12.5, "c", 20], "a union after the search"),
    ("$.books[?(@.price > 10)].title", ["B", "c"], "a comparison"),
    ("$.books[?(@.price > 10 && @.title == 'B')].title", ["B"], "and"),
    ('$.books[?(@.price < 10 || @.title == "c")].title', ["A", "c"], "or"),
    ("$.books[?(!(@.price < 10))].title", ["B", "c"], "not"),
    ("$.books[?((@.price < 10 || @.price > 15) && @.title != 'A')].title", ["c"], "parentheses"),
    ("$.books[?(@.isbn)].title", ["B", "c"], "existence"),
    ("$.books[?(@.sold == true)].title", ["c"], "a boolean"),
    ("$.books[?(@.price == true)].title", [], "true is not a number"),
    ("$.books[?(@.isbn == null)].title", ["A", "c"], "null"),
    ("$.books[?(@.price >= $.limit)].title", ["B", "c"], "a path from the root"),
    ("$.books[?(@.title =~ /[a-c]/i)].title", ["A", "B", "c"], "an expression without case"),
    ("$.books[?(@.title =~ /[a-c]/)].title", ["c"], "an expression"),
    ("$.books[?(@.title in ['A', 'c'])].price", [5, 20], "in"),
    ("$.books[?(@.title nin ['A', 'c'])].price", [12.5], "not in"),
    ("$.books[?(@.tags[0] == 'x')].title", ["A"], "a path with an index"),
    ("$.books[?('A' == @.title)].price", [5], "a literal on the left"),
    ("$.books[?(@.price > 'x')].title", [], "values of different types are not ordered"),
    ("$.books[?(@.tags.length() == 1)].title", ["A"], "a function in a condition"),
    ("$.books.length()", 3, "length of a list"),
    ("$.limit.length()", None, "length of a number"),
    ("$..price.min()", 5.0, "min"),
    ("$..price.max()", 20.0, "max"),
    ("$..price.sum()", 37.5, "sum"),
    ("$['odd-name'].keys()", ["a.b", "it's"], "keys"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), [pytest.param(p, e, id=i) for p, e, i in ROWS])
def test_path(path, expected):
    assert evaluate(parse_path(path), STORE, Budget(10_000)) == expected


REFUSED = [
    "$.", "$..", "$[", "$[0", "$['a", "$[?]", "$[?(@.a ==)]", "$[?(@.a ~ 1)]", "$.a b", "$.first()", "$[1:2:3]", "",
    "$[?(@.a == [1,)]", "$[?(1)]", "$" + "[?(@.a" * 100, "$." + "a" * 5000, "$[?(@.a =~ /(?=x)/)]", "$[a]",
    "$[?(@.a == x)]",
]  # fmt: skip


@pytest.mark.parametrize("path", REFUSED)
def test_what_is_not_a_path_is_an_error(path):
    with pytest.raises(MappingError):
        parse_path(path)


def test_a_search_has_a_budget():
    document = json.loads("[" * 50 + "1" + "]" * 50)
    with pytest.raises(TemplateLimitError):
        evaluate(parse_path("$" + "..*" * 8), document, Budget(100_000))


def test_functions_of_what_they_are_not_for():
    with pytest.raises(MappingError):
        evaluate(parse_path("$.books.min()"), STORE, Budget(1000))


def test_cache_is_bounded():
    cache = PathCache(capacity=2)
    first = cache.get("$.a")
    assert cache.get("$.a") is first
    cache.get("$.b")
    cache.get("$.c")
    assert cache.get("$.a") is not first
