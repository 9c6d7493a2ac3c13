"""What happens to a statement that comes upon a broken part, and when."""

import pytest

from groundwatch.storage.clickhouse import MAX_REPAIRS, EventDatabase
from groundwatch.storage.errors import StorageError


class Engine:
    """Fails every statement, and can always be repaired for another try."""

    def __init__(self):
        self.asked = self.repaired = 0

    def ask(self, _client):
        self.asked += 1
        raise StorageError("spoilt")

    def repair(self, _client, _error):
        self.repaired += 1
        return True

    def close(self):
        pass


@pytest.mark.parametrize(
    ("url", "purpose", "is_stopping", "repairs"),
    [
        pytest.param("chdb:///x", "read", False, MAX_REPAIRS, id="tried again after each repair"),
        pytest.param("chdb:///x", "write", False, 0, id="an insert, which might be stored twice"),
        pytest.param("http://x", "read", False, 0, id="a server of its own"),
        pytest.param("chdb:///x", "read", True, 0, id="a process that is about to end"),
    ],
)
async def test_when_parts_are_repaired(url, purpose, is_stopping, repairs):
    engine = Engine()
    database = EventDatabase(url, connect=lambda _: engine, repair=engine.repair)
    if is_stopping:
        database.stop_mending()
    with pytest.raises(StorageError, match="spoilt"):
        await database.run(purpose, engine.ask)
    assert (engine.repaired, engine.asked, database.repairs) == (repairs, repairs + 1, 2 * repairs)
    database.close()
