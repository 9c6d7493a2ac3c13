"""ImportApiKeys: keys from a CSV file.

The format: "API Gateway API key file format" of the developer guide. The first line names the columns, in any order and
case: `name`, `key`, and optionally `description`, `enabled`, `usageplanIds` (several in single or double quotes). Other
columns are ignored.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.ids import LONG
from groundwatch.gateway.control.keys import check_key, new_key
from groundwatch.gateway.definition import ApiKey, UsagePlan
from groundwatch.gateway.store import Place

REQUIRED = ("name", "key")
MAX_KEYS = 10_000
_SINGLE_QUOTED = re.compile(r"(?m)(?<=,)[ \t]*'([^'\"\n]*)'[ \t]*(?=,|\r?$)")


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

        A key whose value is known already takes the place of the one that has it. With `fail_on_warnings` nothing is
        changed when there is a warning.
        """
        if format != "csv":
            raise bad_request("Invalid format specified. Valid options are csv")
        rows = _rows(body)
        good, warnings = await self._sorted_out(context, rows)
        if fail_on_warnings and warnings:
            raise bad_request("; ".join(warnings))
        ids = [(await self._store.put_key(self._key_of(context, row))).id for row in good]
        await self._join_plans(place_of(context), ids, good)
        return {"ids": ids, "warnings": warnings}

    async def _sorted_out(self, context: RequestContext, rows: list[_Row]) -> tuple[list[_Row], list[str]]:
        """Return the rows that can be keys, with the plans that there are, and what is wrong with the others."""
        good: list[_Row] = []
        warnings: list[str] = []
        place, plans = place_of(context), dict[str, bool]()
        for row in rows:
            try:
                check_key(self._key_of(context, row))
            except ServiceError as error:
                warnings.append(f"Unable to import API Key {row.name}: {error.message}")
                continue
            for plan_id in row.plan_ids:
                if plan_id not in plans:
                    plans[plan_id] = await self._store.get_plan(place, plan_id) is not None
                if not plans[plan_id]:
                    warnings.append(f"Unable to add API Key {row.name} to usage plan {plan_id}: it does not exist")
            good.append(replace(row, plan_ids=tuple(plan_id for plan_id in row.plan_ids if plans[plan_id])))
        return good, warnings

    def _key_of(self, context: RequestContext, row: _Row) -> ApiKey:
        return replace(
            new_key(context, self._ids.identifier(LONG), self._clock_ms()),
            value=row.value,
            name=row.name,
            enabled=row.enabled,
            description=row.description,
        )

    async def _join_plans(self, place: Place, ids: Sequence[str], rows: Sequence[_Row]) -> None:
        joining: dict[str, list[str]] = {}
        for key_id, row in zip(ids, rows, strict=True):
            for plan_id in row.plan_ids:
                joining.setdefault(plan_id, []).append(key_id)
        # A plan at a time: with a key at a time, thousands would be written thousands of times.
        for plan_id, key_ids in joining.items():
            await self._store.update_plan(place, plan_id, partial(_with_keys, key_ids=key_ids))


def _with_keys(plan: UsagePlan, key_ids: Sequence[str]) -> UsagePlan:
    return replace(plan, key_ids=list(dict.fromkeys([*plan.key_ids, *key_ids])))


def _rows(body: bytes) -> list[_Row]:
    try:
        # The service takes both kinds of quotes around several plans, a CSV reader only one.
        text = _SINGLE_QUOTED.sub(r'"\1"', body.decode("utf-8-sig"))
        reader = csv.DictReader(io.StringIO(text), strict=True, skipinitialspace=True)
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
    repeated = sorted(name for name, count in Counter(columns).items() if count > 1)
    if repeated:
        raise bad_request(f"Invalid input file: repeated columns {', '.join(repeated)}")


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
