"""No acknowledged event is lost, doubled or changed, whatever happens: `kill -9`, SIGTERM, hours of mixed load.

`make soak` runs the long one for 30 minutes, or as long as `ARGS="--soak-minutes 5"` says.
"""

import random
import shutil

import pytest
from tests.ledger import Ledger
from tests.live import run_command
from tests.load import Load

WRITERS = 4


def check_rounds(make_server, *, rounds: int, round_s: float, backup_every: int) -> None:
    """Kill the server at the end of each round and compare it with the ledger; now and then compare a backup, too."""
    first = make_server()
    backups = first.data.with_name("backups")
    first.flags = ("--backup-directory", str(backups))
    server, ledger = first.start(), Ledger(WRITERS)
    logs = server.client("logs")
    ledger.create(logs)
    for number in range(rounds):
        load = Load(server, ledger).start()
        load.wait_for_writes()
        held = None
        load.run(round_s * random.uniform(0.5, 1))
        if number % backup_every == backup_every - 1:
            held = ledger.held()
            run_command("backup", f"round-{number}", "--data", str(server.data))
        load.run(round_s * random.uniform(0, 0.5))
        load.end()
        server.kill()
        load.join()
        server.start()
        ledger.check(logs)
        if held is not None:
            check_backup(make_server, backups / f"round-{number}", ledger, held)
    assert server.stop() == 0


def check_backup(make_server, backup, ledger: Ledger, held) -> None:
    """Restore a backup and compare a server on it with what was acknowledged before it began."""
    restored = make_server(data=backup.with_name(f"{backup.name}-restored"))
    run_command("restore", str(backup), "--data", str(restored.data))
    restored.start()
    ledger.check(restored.client("logs"), held)
    assert restored.stop() == 0
    shutil.rmtree(restored.data)
    shutil.rmtree(backup)


def test_kill_and_backup_under_mixed_load_lose_nothing(make_server):
    check_rounds(make_server, rounds=2, round_s=6, backup_every=2)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_soak(make_server, soak_minutes):
    check_rounds(make_server, rounds=max(1, round(soak_minutes)), round_s=60, backup_every=5)


def test_sigterm_finishes_what_was_accepted(make_server):
    server, ledger = make_server().start(), Ledger(WRITERS)
    logs = server.client("logs")
    ledger.create(logs)
    load = Load(server, ledger, write_pause_s=0).start()
    load.wait_for_writes()
    load.end()
    assert server.stop() == 0, server.output.read_text()
    load.join()
    server.start()
    ledger.check(logs)
