"""Writes `docs/compatibility.md` from the code: `python -m groundwatch.compatibility_page docs/compatibility.md`.

The services are those that a server builds, so the page cannot name one that is not served. Nothing listens meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from groundwatch.app.server import Server
from groundwatch.aws.compatibility import compatibility_rows, render_compatibility
from groundwatch.config import load
from groundwatch.journal import Journal

INTRODUCTION = """# Compatibility

Which operations of the AWS services this server answers, read from the code by `make docs`; a test compares. The names
are those of the service models, and every operation that is implemented takes all members of its input except those in
the column *parameters refused*.

An operation or a parameter that is not implemented is refused in the service's own error form, with the code
`NotImplementedException` and a message that names it. Nothing is ignored. Some operations refuse single values as well,
such as kinds of integrations or of policies: [the gateway](gateway.md) and [identity](identity.md) say which. A request
that is signed for a service which is not on this page is refused with the same code, in that service's form.

"""


def compatibility_page() -> str:
    """Return the page. Opens a server's stores in a temporary directory, which takes about two seconds."""
    with tempfile.TemporaryDirectory() as directory:
        server = Server(load({"data": directory}, {}), Journal())
        try:
            return INTRODUCTION + render_compatibility(compatibility_rows(server.services))
        finally:
            server.close()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(compatibility_page(), "utf-8")
