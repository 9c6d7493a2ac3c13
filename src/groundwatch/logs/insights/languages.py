"""The languages of queries, by the names that the API has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.logs.insights.parse import Query, parse_query
from groundwatch.logs.insights.ppl.parse import parse_ppl
from groundwatch.logs.insights.sql.parse import parse_sql

LANGUAGES: Mapping[str, Callable[[str], Query]] = {"CWLI": parse_query, "PPL": parse_ppl, "SQL": parse_sql}
"""Each raises `MalformedQueryException` with the place of the first fault."""


@lru_cache(maxsize=64)
def parse_in(language: str, text: str) -> Query:
    """Return a query in a language of the API; NotImplementedException for one that this server lacks.

    The last ones are remembered: a query is read to authorize it, to start it and to run it.
    """
    if language not in LANGUAGES:
        raise NotImplementedByServer(f"StartQuery.queryLanguage {language}")
    return LANGUAGES[language](text)
