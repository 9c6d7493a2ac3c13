"""Results without a limit: the range of a query is cut in two until every piece fits into one result.

That gives the same rows only where each event makes its rows alone, so it is done for queries of such commands only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.cli.asking.asker import MAX_LIMIT, Asker, Question, Row, Watch
from groundwatch.logs.insights.commands.display import Display
from groundwatch.logs.insights.commands.expand import Expand
from groundwatch.logs.insights.commands.fields import Fields
from groundwatch.logs.insights.commands.filtering import Filter
from groundwatch.logs.insights.commands.globs import ParseGlob
from groundwatch.logs.insights.commands.json_member import JsonMember
from groundwatch.logs.insights.commands.lookup import Lookup
from groundwatch.logs.insights.commands.parsing import Parse, ParseCsv, ParseLogfmt
from groundwatch.logs.insights.commands.unnest import Unnest
from groundwatch.logs.insights.parse import parse_query

ROW_BY_ROW = (Fields, Display, Filter, Parse, ParseGlob, ParseLogfmt, ParseCsv, JsonMember, Unnest, Expand, Lookup)
"""The commands that look at one event at a time."""
OF_THE_RANGE = re.compile(r"(?i)\bquery(?:StartTime|EndTime|TimeRange)\b")
"""Functions that tell what the range is."""


def is_row_by_row(question: Question) -> bool:
    """Return whether the rows of a query over a range are those over its parts; no for what is not understood here."""
    if question.language != "CWLI":
        return False
    try:
        query = parse_query(question.query)
    except ServiceError:
        # The server will say what is wrong with it.
        return False
    ranged = query.selection is not None and (query.selection.start or query.selection.end)
    # A subquery is about the range of the whole query.
    if ranged or query.inner or OF_THE_RANGE.search(question.query):
        return False
    return all(isinstance(stage, ROW_BY_ROW) for stage in query.stages)


def all_rows(asker: Asker, question: Question, watch: Watch) -> Iterator[list[Row]]:
    """Yield the rows of a query, the newest first, however many there are.

    A query of which the parts are not the whole is asked once, for as many rows as one result may have. Raises
    click.ClickException when one second has more events than that.
    """
    most = msgspec.structs.replace(question, limit=MAX_LIMIT)
    if not is_row_by_row(question):
        yield from asker.ask(most, watch)[1]
        return
    waiting = [most]
    while waiting:
        piece = waiting.pop()
        end, pages = asker.ask(piece, watch)
        if end.statistics.get("resultCount", 0) < MAX_LIMIT:
            yield from pages
            continue
        if piece.start_s == piece.end_s:
            raise click.ClickException(
                f"more than {MAX_LIMIT:,} rows in the second {piece.start_s}: narrow the query with filter"
            )
        middle_s = (piece.start_s + piece.end_s) // 2
        # The newer half comes first: what was put last is taken first.
        waiting.append(msgspec.structs.replace(piece, end_s=middle_s))
        waiting.append(msgspec.structs.replace(piece, start_s=middle_s + 1))
