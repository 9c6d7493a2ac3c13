"""Writes the generated part of `docs/insights.md` from the tables of commands and functions.

`python -m groundwatch.insights_page docs/insights.md`; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from groundwatch.cli.docs import with_generated_part
from groundwatch.logs.insights.commands.table import COMMANDS
from groundwatch.logs.insights.commands.table import NOT_YET as COMMANDS_NOT_YET
from groundwatch.logs.insights.functions.aggregates import AGGREGATES
from groundwatch.logs.insights.functions.names import AGGREGATE_NAMES
from groundwatch.logs.insights.functions.open_search import OPEN_SEARCH, OWN, PREFIX
from groundwatch.logs.insights.functions.table import FAMILIES
from groundwatch.logs.insights.ppl.parse import COMMANDS as PPL_COMMANDS
from groundwatch.logs.insights.ppl.parse import REFUSED as PPL_REFUSED
from groundwatch.logs.insights.stages import NEIGHBOURS, PLACES

PART = "language"


def language() -> str:
    """Return the tables, as Markdown."""
    aggregates = {id(one): one for name, one in AGGREGATES.items() if not name.startswith(PREFIX)}.values()
    tables = [
        _table("Commands", (("/".join(one.words), one.syntax, one.help) for one in COMMANDS), "Command"),
        _table("Aggregates", ((one.name, one.signature, one.help) for one in aggregates), "Aggregate"),
    ]
    for family, functions in FAMILIES.items():
        rows = ((", ".join((one.name, *one.aliases)), one.signature, one.help) for one in functions)
        tables.append(_table(f"Functions: {family.lower()}", rows, "Function"))
    tables += [_ppl(), _open_search(), _open_search_aggregates()]
    refused = (("commands", COMMANDS_NOT_YET), ("commands of PPL", PPL_REFUSED))
    lines = [f"- {kind}: {', '.join(f'`{name}`' for name in sorted(names))}" for kind, names in refused]
    return "\n".join([*tables, "### Refused by name\n", *lines, ""])


def _ppl() -> str:
    lines = [f"| `{name}` | {_code(form)} |" for name, form in PPL_COMMANDS.items()]
    return "\n".join(["### PPL: commands\n", "| Command | Form |", "|---|---|", *lines, ""])


def _open_search() -> str:
    shared = {name.removeprefix(PREFIX): one for name, one in OPEN_SEARCH.items() if name not in OWN}
    own = {id(one): one for one in OWN.values()}.values()
    rows = [(", ".join((one.name, *one.aliases)), one.signature, one.help) for one in own]
    rows += [(name, one.signature.replace(one.name, name, 1), one.help) for name, one in sorted(shared.items())]
    return _table("SQL and PPL: functions", rows, "Function")


def _open_search_aggregates() -> str:
    names = ", ".join(f"`{name}`" for name in AGGREGATE_NAMES)
    windows = ", ".join(f"`{name}`" for name in (*sorted(PLACES), *sorted(NEIGHBOURS)))
    return f"Aggregates: {names}. In SQL also over windows, beside {windows}.\n"


def _table(title: str, rows: Iterable[tuple[str, str, str]], first: str) -> str:
    lines = [f"| `{name}` | {_code(form)} | {text} |" for name, form, text in rows]
    return "\n".join([f"### {title}\n", f"| {first} | Form | What it does |", "|---|---|---|", *lines, ""])


def _code(form: str) -> str:
    return f"`{form}`".replace("|", "\\|")


def main(path: Path) -> None:
    """Rewrite the generated part of the page."""
    path.write_text(with_generated_part(path.read_text("utf-8"), PART, language()), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
