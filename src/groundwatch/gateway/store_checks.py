"""What the stores of the gateway ask of the database before they write: that an API is there, and still as it was."""

from __future__ import annotations

from sqlalchemy import Connection

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway import store_sql as sql
from groundwatch.gateway.definition import RestApi
from groundwatch.gateway.store_sql import Place


class UnknownApiError(ServiceError):
    """There is no such REST API in this account and region."""

    def __init__(self, place: Place, api_id: str) -> None:
        message = f"Invalid API identifier specified {place.account_id}:{api_id}"
        super().__init__("NotFoundException", message, status=404)


def require_api(connection: Connection, place: Place, api_id: str, *, lock: bool = False) -> tuple[RestApi, int]:
    """Return an API and its revision; raises `UnknownApiError`."""
    found = sql.read_api(connection, place, api_id, lock=lock)
    if found is None:
        raise UnknownApiError(place, api_id)
    return found


def claim(connection: Connection, api: RestApi, revision: int) -> None:
    """Write an API over this revision of it; raises ConflictException when another node was faster."""
    if not sql.save_api(connection, api, revision):
        raise overtaken()


def overtaken() -> ServiceError:
    """Return the error for a change that another node's change came before."""
    message = "Unable to complete operation due to concurrent modification. Please try again later."
    return ServiceError("ConflictException", message, status=409)
