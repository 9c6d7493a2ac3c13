"""Reads that are asked for together cost one; each gets its own answer, or the error of all."""

import asyncio

import pytest

from groundwatch.monitoring.metrics.gathered import GatheredStatistics
from groundwatch.monitoring.metrics.model import MetricKey, StatisticRequest
from groundwatch.monitoring.metrics.samples import metric_number
from groundwatch.monitoring.metrics.statistics import Summary


class CountingPeriods:
    """Every metric has one sample at 0, of the value that its name says."""

    def __init__(self) -> None:
        self.reads, self.failing = 0, False

    async def read(self, metrics, span):
        self.reads += 1
        if self.failing:
            raise OSError("away")
        values = {metric_number(key(name)): float(name) for name in map(str, range(30))}
        return {number: {"None": [(0, Summary(1, values[number], 0, 0))]} for number in set(metrics)}


def key(name: str) -> MetricKey:
    return MetricKey("111122223333", "us-east-1", "n", name)


def request(number: int) -> StatisticRequest:
    return StatisticRequest(key(str(number)), "Sum", 60, 0, 60_000)


def value(answer) -> float:
    return answer["None"][0].value


@pytest.fixture
def periods() -> CountingPeriods:
    return CountingPeriods()


@pytest.fixture
def statistics(periods) -> GatheredStatistics:
    return GatheredStatistics(periods)


async def test_many_at_once_are_one_read(periods, statistics):
    asked = [[request(number), request(number + 10)] for number in range(10)]
    answers = await asyncio.gather(*map(statistics.read_units, asked))
    assert [[value(one) for one in answer] for answer in answers] == [[n, n + 10] for n in range(10)]
    assert periods.reads == 1
    assert value((await statistics.read_units([request(3)]))[0]) == 3
    assert periods.reads == 2


async def test_an_error_reaches_everyone_and_does_not_stay(periods, statistics):
    periods.failing = True
    asked = [statistics.read_units([request(number)]) for number in range(3)]
    assert all(isinstance(answer, OSError) for answer in await asyncio.gather(*asked, return_exceptions=True))
    periods.failing = False
    assert value((await statistics.read_units([request(1)]))[0]) == 1


async def test_who_gives_up_holds_up_nobody(statistics):
    first = asyncio.create_task(statistics.read_units([request(1)]))
    second = asyncio.create_task(statistics.read_units([request(2)]))
    await asyncio.sleep(0)
    first.cancel()
    assert value((await second)[0]) == 2
