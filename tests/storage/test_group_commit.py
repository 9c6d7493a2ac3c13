"""Groups: what waits is stored together, each caller is told what became of its item, and nobody waits for ever."""

import asyncio

import pytest

from groundwatch.storage.errors import StorageError, StoreBusyError
from groundwatch.storage.group_commit import GroupCommit, GroupLimits


class Store:
    """Records groups; each waits until it is let go, or fails."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.go = asyncio.Event()
        self.failure: Exception | None = None
        self.at_once = 0

    async def __call__(self, items) -> None:
        self.at_once += 1
        assert self.at_once == 1
        await self.go.wait()
        self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        self.groups.append(list(items))


@pytest.fixture
def store() -> Store:
    return Store()


async def append_all(group: GroupCommit[str], items: dict[str, int]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(group.append(item, size)) for item, size in items.items()]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize(
    ("items", "groups"),
    [
        pytest.param({"a": 1}, [["a"]], id="one that comes alone waits for no company"),
        pytest.param({"a": 1, "b": 1, "c": 1}, [["a", "b", "c"]], id="what comes at the same time goes together"),
        pytest.param({"a": 6, "b": 6, "c": 1}, [["a", "b"], ["c"]], id="a group ends with what reaches its size"),
        pytest.param({"a": 50, "b": 1}, [["a"], ["b"]], id="an item larger than a group is a group"),
    ],
)
async def test_what_goes_together(store, items, groups):
    store.go.set()
    group = GroupCommit("things", store, GroupLimits(waiting=100, at_once=10))
    await asyncio.gather(*await append_all(group, items))
    assert store.groups == groups


async def test_what_arrives_meanwhile_goes_into_the_next_group(store):
    group = GroupCommit("things", store, GroupLimits(waiting=100, at_once=10))
    first = await append_all(group, {"a": 1})
    others = await append_all(group, {"b": 1, "c": 1})
    assert not any(task.done() for task in (*first, *others))
    store.go.set()
    await asyncio.gather(*first, *others)
    assert store.groups == [["a"], ["b", "c"]]


async def test_what_is_being_stored_counts_as_waiting(store):
    group = GroupCommit("things", store, GroupLimits(waiting=10, at_once=10))
    tasks = await append_all(group, {"a": 11})
    with pytest.raises(StoreBusyError, match="too many things wait"):
        await group.append("b", 1)
    store.go.set()
    await asyncio.gather(*tasks)
    await group.append("c", 1)
    assert store.groups == [["a"], ["c"]]


@pytest.mark.parametrize("failure", [StorageError("disk full"), RuntimeError("bug")])
async def test_a_failure_is_told_to_each_and_ends_nothing(store, failure, caplog):
    store.go.set()
    store.failure = failure
    group = GroupCommit("things", store, GroupLimits(waiting=10, at_once=10))
    results = await asyncio.gather(*await append_all(group, {"a": 1, "b": 1}), return_exceptions=True)
    assert [(type(each), str(each)) for each in results] == [(StorageError, "things could not be stored")] * 2
    assert results[0] is not results[1]
    assert "an insert of things failed" in caplog.text
    store.failure = None
    await group.append("c", 1)
    assert store.groups == [["c"]]


async def test_a_caller_that_goes_away_keeps_nobody_from_an_answer(store):
    group = GroupCommit("things", store, GroupLimits(waiting=10, at_once=10))
    gone, stays = await append_all(group, {"a": 1, "b": 1})
    gone.cancel()
    store.go.set()
    await stays
    await group.flush()
    assert store.groups == [["a", "b"]]
