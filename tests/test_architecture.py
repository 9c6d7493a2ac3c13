"""The arrows of the design: each room imports only what it may know, and no import goes round in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "groundwatch"
ROOMS: dict[str, set[str]] = {
    "service_models": set(),
    "aws": {"service_models", "begun"},
    "storage": set(),
    # Work that mostly ends without waiting, for whoever begins any.
    "begun": set(),
    # Loops beside the requests, for whoever runs any.
    "background": {"begun"},
    "identity": {"aws", "storage", "background"},
    "logs": {"aws", "storage", "background"},
    # HTTP to addresses that users name, for whoever sends any.
    "outbound": {"begun"},
    "gateway": {"aws", "storage", "outbound", "background", "begun"},
    "notifications": {"aws", "storage", "outbound", "background"},
    "monitoring": {"aws", "storage", "background", "begun"},
    "deploy": {"aws", "gateway"},
    # Commands speak the public API; only `serve` starts a server, through `app`, and only `pattern` works without one.
    # `query` reads queries as well, to complete them and to see which can be cut into pieces.
    "cli": {
        *("app", "config", "credentials_file", "data_directory", "logs", "aws", "deploy", "gateway"),
        *("service_models", "upkeep"),
    },
    # Whatever runs in the server is handed in; a stopped server's stores are opened here.
    "upkeep": {"aws", "storage", "config", "data_directory"},
    "config": set(),
    "data_directory": {"config"},
    "credentials_file": {"config", "data_directory"},
    "tls": {"config", "data_directory"},
    "sni": {"config", "tls"},
    "http_protocol": {"aws", "begun"},
    "listeners": {"aws", "config", "http_protocol"},
    "journal": set(),
    "bundled_api": {"aws"},
    "welcome": set(),
    "app": {
        *("aws", "storage", "identity", "logs", "gateway", "config", "data_directory", "credentials_file", "tls"),
        *("monitoring", "listeners", "journal", "bundled_api", "welcome", "sni", "upkeep"),
        *("outbound", "notifications", "background", "begun"),
    },
    "insights_page": {"cli", "logs"},
    "compatibility_page": {"app", "aws", "config", "journal"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield ".".join(("groundwatch", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"), path


def imports(path: Path, *, everywhere: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("groundwatch.")}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_it_may_know(room):
    allowed = ROOMS[room] | {room}
    for module, path in modules():
        if room_of(module) == room:
            known = {room_of(name) for name in imports(path, everywhere=True)}
            assert known <= allowed, f"{module} imports {sorted(known - allowed)}"


def test_of_other_rooms_commands_know_the_languages_alone():
    allowed = ("groundwatch.logs.patterns.", "groundwatch.logs.insights.", "groundwatch.aws.errors")
    for module, path in modules():
        if room_of(module) == "cli":
            known = {name for name in imports(path, everywhere=True) if room_of(name) in {"logs", "aws"}}
            assert all(name.startswith(allowed) for name in known), module
            assert not known or module == "groundwatch.cli.pattern" or ".asking." in module


def test_every_module_belongs_to_a_room():
    assert {room_of(module) for module, _ in modules()} - {""} <= set(ROOMS)


def test_no_import_goes_round_in_a_circle():
    known = dict(modules())
    graph = {module: imports(path, everywhere=False) & known.keys() for module, path in known.items()}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for other in graph[module] - {module}:
                visit(other, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


IN_TASKS = {"timeout", "timeout_at", "wait_for", "current_task", "TaskGroup"}
"""What asyncio has that works in tasks alone."""
OWN_TASKS = ("begun", "journal", "listeners", "gateway.runtime.stage_logs", "logs.metric_filters.worker", "cli.")
"""Where it is used in tasks of one's own, or by `in_task` itself."""


def test_what_needs_a_task_comes_behind_a_wait():
    # Requests are begun outside of any task: where their first wait is depends on what is in memory.
    for module, path in modules():
        if module.startswith(tuple(f"groundwatch.{name}" for name in OWN_TASKS)):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)):
            text = ast.unparse(function)
            used = [text.index(f"asyncio.{name}(") for name in IN_TASKS if f"asyncio.{name}(" in text]
            assert not used or 0 <= text.find("await in_task()") < min(used), f"{module}: {function.name}"
