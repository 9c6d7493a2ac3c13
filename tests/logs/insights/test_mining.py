"""Patterns of texts: masks, groups, templates, tokens, and bounds."""

import pytest
import re2

from groundwatch.logs.insights.mining import LONGEST, MAX_VALUES, grouped, masked, mine
from groundwatch.logs.insights.patterns import Sample


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("took 12 ms, -3.5 %", "took <Number> ms, <Number> %"),
        ("from 10.0.0.7:443", "from <IP>"),
        ("2026-11-22T10:00:00.123Z up", "<Time> up"),
        ("Sun Dec 04 04:47:44 2005 x", "<Time> x"),
        ("Jun  1 15:16:01 combo", "<Time> combo"),
        ("id 0190f1d4-7a3c-7e21-9a7e-0f3b6a1c2d3e", "id <UUID>"),
        ("commit 9fceb02d0ae5", "commit <ID>"),
        ("at 0xDEADbeef", "at <Hex>"),
        ("blk_-6952295868487656571", "blk_<Number>"),
        ("node12 of utf8", "node<Number> of utf8"),
        ("nothing to mask", "nothing to mask"),
    ],
)
def test_values_are_known_by_their_looks(text, expected):
    assert masked(text) == expected


def test_a_pattern_has_numbered_tokens_values_and_counts():
    user = "2026-11-22 10:00:0{} INFO auth: user {} logged in from 10.0.0.{}"
    samples = [Sample(user.format(n, name, n), count=n + 1) for n, name in enumerate(["ann", "bob", "ann"])]
    found = mine([*samples, Sample("disk full", count=2, earlier=9)])
    assert [(pattern.count, pattern.earlier) for pattern in found] == [(2, 9), (4, 0), (2, 0)]
    ann = found[1]
    assert ann.template == "<Time-1> INFO auth: user ann logged in from <IP-2>"
    assert ann.samples == (samples[0].text, samples[2].text)
    assert [(token.position, token.kind) for token in ann.tokens] == [(1, "Time"), (2, "IP")]
    assert ann.tokens[1].values == {"10.0.0.2": 3, "10.0.0.0": 1}
    assert all(re2.search(ann.regex, text) for text in ann.samples)


def test_what_a_mask_does_not_know_is_a_token():
    texts = [f"session of account {name} ended after a while by request" for name in ("ann", "bob", "cyd")]
    (pattern,) = mine([Sample(text) for text in texts])
    assert pattern.template == "session of account <Token-1> ended after a while by request"
    assert pattern.tokens[0].values == {"ann": 1, "bob": 1, "cyd": 1}


@pytest.mark.parametrize(
    "header",
    [
        "[Sun Dec 04 04:47:4{n} 2005] [error] ",
        "081109 20361{n} 148 INFO dfs.DataNode$Responder{n}: ",
        "2015-10-18 18:01:47,97{n} WARN [IPC Server handler {n} on 62270] org.example.App: ",
        "2015-07-29 17:41:44,74{n} - INFO  [Peer[myid={n}]/0:0:0:0:2181:Election@774] - ",
        "Jun 14 15:16:0{n} host{n} sshd(pam_unix)[19939{n}]: ",
        "",
    ],
)
def test_the_header_of_a_logger_does_not_decide(header):
    texts = [header.replace("{n}", str(n)) + body for n in range(5) for body in ("file was opened", "peer has gone")]
    numbers = grouped(texts)
    assert numbers == [numbers[0], numbers[1]] * 5
    assert numbers[0] != numbers[1]


@pytest.mark.parametrize(
    "text",
    ["", " ", "x" * 5_000, "[" * 3_000, "1" * 3_000 + "a", " \t" * 2_000, "é\ud800", "<*> <Number>", "a " * 2_000],
    ids=["empty", "blank", "long", "brackets", "digits", "white", "surrogate", "placeholders", "words"],
)
@pytest.mark.timeout(10)
def test_odd_texts_are_patterns_too(text):
    (pattern,) = mine([Sample(text)])
    assert pattern.count == 1
    assert len(pattern.template) <= 20 * LONGEST


def test_values_are_few_and_the_most_frequent():
    samples = [Sample(f"port {n}", count=n) for n in range(1, 50)]
    (pattern,) = mine(samples)
    assert list(pattern.tokens[0].values)[:2] == ["49", "48"]
    assert len(pattern.tokens[0].values) == MAX_VALUES
