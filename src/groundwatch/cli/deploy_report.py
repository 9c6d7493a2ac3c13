"""The answer of `deploy --check`: what a stack would create, who could read what, and what differs on AWS."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from groundwatch.cli.terminal import Terminal
from groundwatch.deploy.definition import Definition
from groundwatch.deploy.differences import Difference, differences
from groundwatch.deploy.readers import accesses
from groundwatch.deploy.stack import ALARM_ACTIONS, Document, RolePlan, Stack, UsagePlanPlan


def show_report(console: Terminal, definition: Definition, stack: Stack) -> int:
    """Print the report and return the exit code: 1 when something cannot work on AWS."""
    console.print_whole(_creates(stack))
    console.print_whole(_readers(definition, stack))
    found = differences(definition.api)
    if found:
        console.print_whole(_differences(found))
    for fault in definition.warnings:
        console.print(f"[yellow]warning[/yellow] {fault}", highlight=False)
    blocking = sum(difference.blocking for difference in found)
    if blocking:
        console.print(f"[red]{blocking} of these cannot work on AWS as they are.[/red]")
    return 1 if blocking else 0


def _creates(stack: Stack) -> Table:
    table = _table("What the stack creates", "kind", "name", "what it is")
    for row in _resources(stack):
        kind, name, what = row
        table.add_row(kind, escape(name), what)
    return table


def _resources(stack: Stack) -> Iterator[tuple[str, str, str]]:
    paths = stack.body.get("paths", {})
    yield "REST API", stack.name, f"{len(paths)} paths, in the region of the stack"
    yield "deployment", stack.stage.name, "a snapshot, made anew whenever the definition changes"
    settings = len(stack.stage.method_settings)
    yield "stage", stack.stage.name, f"{settings} method settings" if settings else "with default settings"
    if stack.stage.access_log is not None:
        log = stack.stage.access_log
        yield "log group", log.group, f"access log, kept for {log.retention_days} days"
    for role in stack.roles:
        yield "role", role.name, _role(role)
    for key in stack.keys:
        yield "API key", key.name, "with a new value" if key.enabled else "disabled, with a new value"
    for plan in stack.usage_plans:
        yield "usage plan", plan.name, _limits(plan)
    for group in stack.log_groups:
        kept = f"kept for {group.retention_days} days" if group.retention_days else "kept for ever"
        yield "log group", group.name, f"{kept}; stays when the stack is deleted"
    for held in stack.metric_filters:
        yield "metric filter", held.name, f"{held.namespace}/{held.metric_name} from {held.group}"
    for alarm in stack.alarms:
        yield "alarm", str(alarm["AlarmName"]), _alarm(alarm)
    if stack.domain is not None:
        yield "custom domain", stack.domain.name, stack.domain.certificate_arn or "certificate asked by the stack"


def _alarm(alarm: Document) -> str:
    topics = {str(arn) for name in ALARM_ACTIONS for arn in alarm.get(name, ())}
    watched = f"on {alarm.get('Namespace', '')}/{alarm.get('MetricName', '')}"
    return f"{watched}; needs the topics {', '.join(sorted(topics))} there" if topics else watched


def _role(role: RolePlan) -> str:
    if not role.derived:
        return "with the policies that it has here"
    return "with a policy derived from the integrations" if role.policies else "[red]with no policy: write one[/red]"


def _limits(plan: UsagePlanPlan) -> str:
    parts = [f"admits {', '.join(plan.keys) or 'no key'}"]
    if plan.throttle is not None:
        parts.append(f"{plan.throttle.rate_limit} requests a second")
    if plan.quota is not None:
        parts.append(f"{plan.quota.limit} a {plan.quota.period.lower()}")
    return ", ".join(parts)


def _readers(definition: Definition, stack: Stack) -> Table:
    table = _table("Who could read what", "method", "who may call", "does", "asks for", "may see")
    for access in accesses(definition.api, stack):
        groups = "what the request names" if access.groups == ("*",) else "\n".join(access.groups)
        allowed = escape("\n".join(_short(resource) for resource in access.allowed)) or "[red]nothing[/red]"
        table.add_row(escape(access.method), escape(access.callers), access.operation, escape(groups), allowed)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        # Names and paths are of use only when they are whole.
        table.add_column(column, overflow="fold")
    return table


def _short(resource: str) -> str:
    """Return the groups of an ARN, which is long."""
    return resource.partition(":log-group:")[2] or resource


def _differences(found: list[Difference]) -> Table:
    table = _table("What differs on AWS", "", "where", "on AWS")
    places: dict[tuple[bool, str], list[str]] = {}
    for difference in found:
        places.setdefault((difference.blocking, difference.what), []).append(difference.where)
    for (blocking, what), where in places.items():
        table.add_row("[red]✗[/red]" if blocking else "[yellow]![/yellow]", escape("\n".join(where)), escape(what))
    return table
