import pytest

from groundwatch.cli.api import ServiceClient, Target
from groundwatch.cli.asking.asker import Asker


class FakeLogs:
    """StartQuery and GetQueryResults over events, a (second, message) each, `page` rows a page and `most` a result."""

    def __init__(self, events, page=3, most=100_000) -> None:
        self.events = events
        self.page = page
        self.most = most
        self.started: list[dict] = []
        self.stopped: list[str] = []
        self.statuses: list[str] = ["Complete"]

    def start_query(self, **request):
        self.started.append(request)
        return {"queryId": str(len(self.started) - 1)}

    def get_query_results(self, queryId, nextToken="0"):  # noqa: N803 - as botocore has them
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        asked = self.started[int(queryId)]
        found = [event for event in self.events if asked["startTime"] <= event[0] <= asked["endTime"]]
        rows = sorted(found, reverse=True)[: min(asked.get("limit", 10_000), self.most)]
        first = int(nextToken)
        shown = [[{"field": "m", "value": message}] for _, message in rows[first : first + self.page]]
        statistics = {"recordsScanned": 7.0, "bytesScanned": 1500.0, "recordsMatched": 3.0, "resultCount": len(rows)}
        answer = {"status": status, "results": shown, "statistics": statistics}
        return answer | ({"nextToken": str(first + self.page)} if first + self.page < len(rows) else {})

    def stop_query(self, queryId):  # noqa: N803
        self.stopped.append(queryId)
        return {"success": True}


@pytest.fixture
def asker_of():
    def make(logs: FakeLogs, sleep=lambda seconds: None) -> Asker:
        return Asker(ServiceClient(logs, Target("http://server", "us-east-1", None, None)), sleep=sleep)

    return make
