"""ImportApiKeys: keys from a CSV file.

The format: "API Gateway API key file format" of the developer guide. The first line names the columns, in any order and
case: `name`, `key`, and optionally `description`, `enabled`, `usageplanIds` (several in quotes).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.ids import LONG
from groundwatch.gateway.control.keys import check_key
from groundwatch.gateway.definition import ApiKey, UsagePlan

REQUIRED, OPTIONAL = ("name", "key"), ("description", "enabled", "usageplanids")
MAX_KEYS = 10_000


class _Row(msgspec.Struct, frozen=True):
    """One line of the file."""

    name: str
    value: str
    description: str | None
    enabled: bool
    plan_ids: tuple[str, ...]


class ApiKeyImportOperations(ControlPlane):
    """Import of API keys."""

    async def import_api_keys(
        self,
        context: RequestContext,
        *,
        body: bytes,
        format: str,  # noqa: A002 - the model's member
        fail_on_warnings: bool | None = None,
    ) -> dict[str, Any]:
        """Create the keys of a file, each for itself: what cannot be created is a warning.

        With `fail_on_warnings` nothing stays when there is a warning.
        """
        if format != "csv":
            raise bad_request("Invalid format specified. Valid options are csv")
        ids: list[str] = []
        warnings: list[str] = []
        for row in _rows(body):
            try:
                ids.append(await self._import_key(context, row, warnings))
            except ServiceError as error:
                warnings.append(f"Unable to import API Key {row.name}: {error.message}")
        if fail_on_warnings and warnings:
            for key_id in ids:
                await self._store.delete_key(place_of(context), key_id)
            raise bad_request("; ".join(warnings))
        return {"ids": ids, "warnings": warnings}

    async def _import_key(self, context: RequestContext, row: _Row, warnings: list[str]) -> str:
        now_ms = self._clock_ms()
        key = ApiKey(
            id=self._ids.identifier(LONG),
            value=row.value,
            name=row.name,
            account_id=context.account_id,
            region=context.region,
            created_ms=now_ms,
            updated_ms=now_ms,
            enabled=row.enabled,
            description=row.description,
        )
        check_key(key)
        await self._store.create_key(key)

        def edit(plan: UsagePlan) -> UsagePlan:
            return plan if key.id in plan.key_ids else replace(plan, key_ids=[*plan.key_ids, key.id])

        for plan_id in row.plan_ids:
            plan = await self._store.update_plan(place_of(context), plan_id, edit)
            if plan is None:
                warnings += [f"Unable to add API Key {row.name} to usage plan {plan_id}: it does not exist"]
        return key.id


def _rows(body: bytes) -> list[_Row]:
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig")), strict=True, skipinitialspace=True)
        columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        _check_columns(columns)
        reader.fieldnames = columns
        rows = [_row(line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise bad_request("Invalid input file: it is not a CSV file in UTF-8") from error
    if len(rows) > MAX_KEYS:
        raise bad_request(f"Invalid input file: more than {MAX_KEYS} keys")
    return rows


def _check_columns(columns: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise bad_request(f"Invalid input file: missing columns {', '.join(missing)}")
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
    if unknown or len(set(columns)) != len(columns):
        raise bad_request(f"Invalid input file: unknown or repeated columns {', '.join(unknown or columns)}")


def _row(line: Mapping[str | Any, str | Any]) -> _Row:
    if None in line or None in line.values():
        raise bad_request("Invalid input file: a line has more or fewer values than there are columns")
    enabled = line.get("enabled", "").strip().lower()
    plans = line.get("usageplanids", "").replace(";", ",").split(",")
    return _Row(
        name=line["name"].strip(),
        value=line["key"].strip(),
        description=line.get("description", "").strip() or None,
        # Without the column, or with nothing in it, a key can be used at once, as in the service.
        enabled=enabled in ("", "true"),
        plan_ids=tuple(plan.strip() for plan in plans if plan.strip()),
    )
