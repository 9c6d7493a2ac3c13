"""CloudWatch Logs Insights: the query language, from its text to one statement of the event store.

A query is parsed (`parse.py`) into commands, each with its node, grammar and meaning in a file of its own
(`commands/`), over expressions (`nodes.py`). Commands are lowered one after another onto a `Pipeline`, which renders
to a single SELECT with bound parameters (`compile.py`). Operations run it through `runner.py`.
"""
