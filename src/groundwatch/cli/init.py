"""`groundwatch init`: a commented definition for the log groups, paths and authorization that the user wants."""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Literal, cast

import click
import msgspec

GROUP_NAME = re.compile(r"[\.\-_/#A-Za-z0-9]{1,512}")
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
POOL = re.compile(r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[A-Za-z0-9_-]+")
ANY_GROUP = "any"
"""In place of a group's name: the request names the group."""
PARTS = "groundwatch.cli.init_parts"
_PLACE = re.compile(r"@\{([a-z_]+)\}")
"""Where a piece is filled in; dollar signs belong to mapping templates."""

Auth = Literal["key", "iam", "jwt", "none"]


class Wish(msgspec.Struct, frozen=True):
    """A log group and the path under which it is read; without a group, the request names it."""

    group: str | None
    path: str


@click.command()
@click.option("--title", metavar="NAME", help="Title of the API.")
@click.option(
    "--group",
    "groups",
    metavar="GROUP[=PATH]",
    multiple=True,
    help="Log group and the path of its methods, such as /svc/orders=/orders; the word any for every group, named in "
    "the request. May be repeated.",
)
@click.option("--auth", type=click.Choice(["key", "iam", "jwt", "none"]), help="Who may call.")
@click.option("--user-pool", metavar="ARN", help="User pool whose tokens are accepted, with --auth jwt.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    default="api.yaml",
    show_default=True,
    help="Where to write the definition.",
)
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
def command(
    *, title: str | None, groups: tuple[str, ...], auth: str | None, user_pool: str | None, out: Path, force: bool
) -> None:
    """Write a commented OpenAPI definition that reads log groups over HTTPS, here and on AWS.

    What is not given is asked for on a terminal. Each group gets two methods: PATH/events searches all of its streams,
    PATH/streams/{stream}/events pages through one.
    """
    if out.exists() and not force:
        raise click.UsageError(f"{out} exists; choose another --out, or --force")
    asked_title = title or _ask("--title", "Title of the API", "logs-api")
    wishes = [_wish(word) for word in groups or _ask_groups()]
    chosen = cast("Auth", auth or _ask("--auth", "Who may call: key, iam, jwt or none", "key"))
    if chosen not in ("key", "iam", "jwt", "none"):
        raise click.UsageError(f"{chosen!r} is none of key, iam, jwt and none")
    pool = _pool(user_pool) if chosen == "jwt" else None
    _check_paths(wishes)
    out.write_text(definition(asked_title, wishes, chosen, pool, out.name), encoding="utf-8")
    click.echo(f"{out} is written. Next: groundwatch import-api {out}")


def definition(title: str, wishes: list[Wish], auth: Auth, pool: str | None, file: str) -> str:
    """Return the text of a definition."""
    security = _part(f"auth_{auth}", quoted_pool=json.dumps(pool))
    head = _part(
        "head",
        title=" ".join(title.split()),
        quoted_title=json.dumps(title, ensure_ascii=False),
        file=file,
        auth=security,
        and_key=", key" if auth == "key" else "",
    )
    role = re.sub(r"[^A-Za-z0-9+=,.@_-]+", "-", title).strip("-")[:50] or "logs-api"
    return head + "\n".join(_group(wish, f"{role}-reader") for wish in wishes)


def _group(wish: Wish, role: str) -> str:
    parameter = "        - { name: group, in: path, required: true, schema: { type: string } }\n"
    from_request = """$util.escapeJavaScript($input.params('group')).replaceAll("\\\\'","'")"""
    return _part(
        "group",
        comment=f"Log group {wish.group}." if wish.group else "Every log group that the role can read.",
        path=wish.path if wish.group else f"{wish.path}/{{group}}",
        name="".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", wish.path)) or "Group",
        group=wish.group or from_request,
        group_parameter="" if wish.group else parameter,
        role=role,
        errors=_part("errors"),
    )


def _part(part: str, /, **values: str) -> str:
    text = files(PARTS).joinpath(f"{part}.yaml").read_text("utf-8")
    return _PLACE.sub(lambda match: values[match[1]], text)


def _ask(flag: str, question: str, default: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(f"{flag} is missing, and there is no terminal to ask on")
    return str(click.prompt(question, default=default))


def _ask_groups() -> list[str]:
    first = _ask("--group", "Log group (GROUP=PATH, or any)", "any=/groups")
    words = [first]
    while more := click.prompt("Another one (empty: no)", default="", show_default=False):
        words.append(more)
    return words


def _wish(word: str) -> Wish:
    group, equals, path = word.partition("=")
    if group != ANY_GROUP and not GROUP_NAME.fullmatch(group):
        raise click.UsageError(f"--group: {group!r} is no name of a log group: letters, digits and . - _ / #")
    wanted = path if equals else "/groups" if group == ANY_GROUP else "/" + group.strip("/").replace("#", "-")
    if not PATH.fullmatch(wanted):
        raise click.UsageError(f"--group: {wanted!r} is no path; write for example {group}=/orders")
    return Wish(None if group == ANY_GROUP else group, wanted)


def _check_paths(wishes: list[Wish]) -> None:
    paths = [wish.path for wish in wishes]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise click.UsageError(f"--group: two groups have the path {twice[0]}")


def _pool(given: str | None) -> str:
    pool = given or _ask(
        "--user-pool", "ARN of the user pool", "arn:aws:cognito-idp:us-east-1:000000000000:userpool/main"
    )
    if not POOL.fullmatch(pool):
        raise click.UsageError(
            f"--user-pool: {pool!r} is no ARN of a user pool, arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID"
        )
    return pool
