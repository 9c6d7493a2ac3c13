"""Lookup tables in the metadata database: texts in CSV whose rows queries put beside events."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.lookup_tables import lookup_tables as table

MAX_TABLES = 100
MAX_BYTES = 10 << 20
"""Of a table (User Guide, lookup)."""
MAX_FIELDS = 1_000
LAST_CHARACTER = "\U0010ffff"
BYTE_ORDER_MARK = "\ufeff"
DESCRIBED = [column for column in table.c if column.name != "body"]


class LookupTable(msgspec.Struct, frozen=True):
    """What is told of a table; its content is read on its own."""

    tenant: Tenant
    name: str
    description: str | None
    fields: list[str]
    records: int
    size_bytes: int
    created_ms: int
    updated_ms: int

    @property
    def arn(self) -> str:
        """The ARN (Service Authorization Reference, CloudWatch Logs)."""
        return lookup_table_arn(self.tenant, self.name)


class LookupTableStore:
    """Reads and writes of lookup tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, made: LookupTable, body: str) -> None:
        """Store a new table; `ResourceAlreadyExistsException` and `LimitExceededException`."""

        def add(connection: Connection) -> None:
            count = select(func.count()).select_from(table).where(_of(made.tenant))
            if connection.execute(count).scalar_one() >= MAX_TABLES:
                raise ServiceError("LimitExceededException", "Resource limit exceeded.")
            connection.execute(insert(table).values(_values(made, body)))

        try:
            await self._database.write(add)
        except IntegrityError as error:
            raise ServiceError(
                "ResourceAlreadyExistsException", f"The lookup table '{made.name}' already exists."
            ) from error

    async def replace(self, changed: LookupTable, body: str) -> bool:
        """Replace a table's content; False when there is none of that name."""
        values = {name: value for name, value in _values(changed, body).items() if name != "created_ms"}
        statement = update(table).where(_of(changed.tenant), table.c.name == changed.name).values(values)
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))

    async def page(self, tenant: Tenant, *, prefix: str, after: str, limit: int) -> list[LookupTable]:
        """Return up to `limit` tables behind the name `after`, by name."""
        name = table.c.name
        statement = select(*DESCRIBED).where(_of(tenant), name > after, name >= prefix, name < prefix + LAST_CHARACTER)
        rows = await self._database.read(
            lambda connection: connection.execute(statement.order_by(name).limit(limit)).all()
        )
        return [_table(row) for row in rows]

    async def find(self, tenant: Tenant, name: str) -> tuple[LookupTable, str] | None:
        """Return a table and its content, None when there is none of that name."""
        statement = select(table).where(_of(tenant), table.c.name == name)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else (_table(row), row.body)

    async def fields(self, tenant: Tenant, names: Iterable[str]) -> dict[str, Sequence[str]]:
        """Return the columns of those of the tables that there are."""
        statement = select(table.c.name, table.c.fields).where(_of(tenant), table.c.name.in_(list(names)))
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {row.name: row.fields for row in rows}

    async def remove(self, tenant: Tenant, name: str) -> bool:
        """Remove a table; False when there is none of that name."""
        statement = delete(table).where(_of(tenant), table.c.name == name)
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))


def lookup_table_arn(tenant: Tenant, name: str) -> str:
    """Return the ARN of a table."""
    return f"arn:aws:logs:{tenant.region}:{tenant.account_id}:lookup-table:{name}"


def read_table(body: str) -> tuple[list[str], list[list[str]]]:
    """Return the columns of a text in CSV (RFC 4180), and its rows, each as long as there are columns.

    Raises `InvalidParameterException` with the line of what is wrong; empty lines are passed over.
    """
    if len(body.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _invalid("The lookup table is larger than 10 MB.")
    reader = csv.reader(io.StringIO(body.removeprefix(BYTE_ORDER_MARK)), strict=True)
    rows = []
    try:
        fields = next(reader, [])
        _check_fields(fields)
        for row in reader:
            if len(row) > len(fields):
                raise _invalid(f"Line {reader.line_num} has {len(row)} values for {len(fields)} columns.")
            if row:
                rows.append([*row, *[""] * (len(fields) - len(row))])
    except csv.Error as error:
        raise _invalid(f"Line {reader.line_num} is not CSV: {error}.") from error
    return fields, rows


def table_of(rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Return the rows of a query's result as a text in CSV; `InvalidParameterException` for none."""
    # What points to an event is of no use beside another one.
    fields = list(dict.fromkeys(name for row in rows for name, _ in row if name != "@ptr"))
    if not fields:
        raise _invalid("The query has no rows to make a lookup table of.")
    written = io.StringIO()
    writer = csv.DictWriter(written, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(row) for row in rows)
    return written.getvalue()


def _check_fields(fields: Sequence[str]) -> None:
    if not fields:
        raise _invalid("The first line of a lookup table has the names of its columns.")
    if len(fields) > MAX_FIELDS:
        raise _invalid(f"A lookup table has at most {MAX_FIELDS} columns.")
    wrong = next((name for place, name in enumerate(fields) if not name or name in fields[:place]), None)
    if wrong is not None:
        said = f"The column {wrong} is there more than once." if wrong else "Every column of a lookup table has a name."
        raise _invalid(said)


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _of(tenant: Tenant) -> ColumnElement[bool]:
    return and_(table.c.account_id == tenant.account_id, table.c.region == tenant.region)


def _values(made: LookupTable, body: str) -> dict[str, Any]:
    values = {name: getattr(made, name) for name in made.__struct_fields__ if name != "tenant"}
    return values | {"account_id": made.tenant.account_id, "region": made.tenant.region, "body": body}


def _table(row: Row[Any]) -> LookupTable:
    named = {name: getattr(row, name) for name in LookupTable.__struct_fields__ if name != "tenant"}
    return LookupTable(tenant=Tenant(row.account_id, row.region), **named)
