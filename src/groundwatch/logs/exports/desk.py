"""What the operations on export tasks work with."""

from __future__ import annotations

import msgspec

from groundwatch.logs.exports.buckets import Buckets
from groundwatch.logs.exports.runner import ExportRunner
from groundwatch.logs.exports.tasks import ExportTasks


class Exports(msgspec.Struct, frozen=True):
    """The tasks, who works on them, and where their objects go."""

    tasks: ExportTasks
    runner: ExportRunner
    buckets: Buckets
