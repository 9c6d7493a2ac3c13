"""Starts that fail half way: whatever was begun by then has ended, and every store is closed."""

from __future__ import annotations

import asyncio
import io
from operator import attrgetter

import pytest
from rich.console import Console

from groundwatch.app import foundation, own_metrics, serving
from groundwatch.app import server as object_graph
from groundwatch.config import Settings, StartupError, load

BUILDING = ["migrate", "EventDatabase", "migrate_events", "finish_rescues"]
STARTING = [
    "FrontDoor.load_domains",
    "LogService.start",
    "Notifying.start",
    "AlarmDesk.start",
    "FrontDoor.start",
    "Server.first_request",
]


@pytest.fixture
def settings(tmp_path) -> Settings:
    flags = {"data": str(tmp_path / "data"), "service": "127.0.0.1:0", "gateway": "127.0.0.1:0", "tls": "off"}
    return load(flags, {}, None)


@pytest.fixture
def open_stores(monkeypatch) -> set[object]:
    """The stores that were opened and not closed."""
    opened: set[object] = set()
    for kind in (foundation.Database, foundation.EventDatabase):

        def close(store, close=kind.close):
            opened.discard(store)
            close(store)

        def init(store, *args, init=kind.__init__, **words):
            init(store, *args, **words)
            opened.add(store)

        monkeypatch.setattr(kind, "__init__", init)
        monkeypatch.setattr(kind, "close", close)
    return opened


def failing(*_args, **_words):
    raise StartupError("it does not work")


async def fail_to_start(settings):
    with pytest.raises(StartupError, match="it does not work"):
        await serving.serve(settings, Console(file=io.StringIO()))


@pytest.mark.parametrize("step", BUILDING)
async def test_the_stores_are_closed_when_one_cannot_be_opened(step, settings, open_stores, monkeypatch):
    monkeypatch.setattr(foundation, step, failing)
    await fail_to_start(settings)
    assert not open_stores


async def test_the_stores_are_closed_when_what_stands_on_them_cannot_be_built(settings, open_stores, monkeypatch):
    monkeypatch.setattr(own_metrics, "assemble", failing)
    await fail_to_start(settings)
    assert not open_stores


@pytest.mark.parametrize("step", STARTING)
async def test_what_has_begun_is_ended_when_the_rest_cannot_begin(step, settings, open_stores, monkeypatch, capsys):
    owner, _, method = step.partition(".")
    monkeypatch.setattr(attrgetter(owner)(object_graph), method, failing)
    await fail_to_start(settings)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not open_stores
    assert "Traceback" not in capsys.readouterr().err
