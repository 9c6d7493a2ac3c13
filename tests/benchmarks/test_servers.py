import os
import time

from benchmarks.client import Endpoint
from benchmarks.servers import Server
from benchmarks.signing import AccessKey


def test_processor_time_is_that_of_the_process_so_far():
    server = Server("this process", os.getpid(), Endpoint("127.0.0.1", 1), AccessKey("id", "secret"), start_s=0)
    before_s = server.cpu_s()
    start_s = time.process_time()
    while time.process_time() - start_s < 0.05:
        pass
    assert 0.02 <= server.cpu_s() - before_s < 0.5
    assert server.cpu_s() <= sum(os.times()[:4]) + 0.05
