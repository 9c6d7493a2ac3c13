"""Finds the patterns of log texts: what looks like a value is masked, and a Drain tree groups what is left.

The tree routes a text by its length and its first words, so the header that loggers write (time, level, thread, name)
would decide alone; it is cut off before and put back in front of the pattern. docs/pattern-mining.md says how well this
groups.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import re2
from drain3.drain import Drain

from groundwatch.logs.insights.patterns import Pattern, Sample, Token

LONGEST = 2_000
"""Characters of a text that count; what follows is passed over."""
DEPTH, SIMILARITY, MAX_CHILDREN = 5, 0.7, 100
MAX_PATTERNS = 10_000
"""Patterns that the tree keeps; of more, those that were not met for longest are forgotten."""
MAX_SAMPLES = 10
MAX_VALUES = 10
MAX_READ_FOR_VALUES = 200
"""Texts of a pattern, the first, from which the values of its tokens are read."""

MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?"
CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
# In order: the first that fits counts. Nothing here may try one text in many ways: the texts are users'.
KINDS: dict[str, str] = {
    "UUID": r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
    "Time": (
        rf"\b\d{{4}}-\d\d-\d\d[T ]{CLOCK}(?:Z|[+-]\d\d:?\d\d)?\b"
        rf"|\b{DAY}{MONTH} +\d{{1,2}} {CLOCK}(?: \d{{4}})?\b|\b{CLOCK}\b|\b\d{{4}}-\d\d-\d\d\b"
    ),
    "IP": r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b",
    "ID": r"\b(?=[a-z]*\d)(?=\d*[a-f])[0-9a-f]{12,}\b",
    "Hex": r"\b0x[0-9a-fA-F]+\b",
    "Number": r"(?<![A-Za-z0-9])[-+]?\d+(?:\.\d+)?(?![A-Za-z0-9])|(?<=_)-?\d+|(?<=[A-Za-z])\d{2,}",
}
"""What values look like, by the word that stands for them."""
VALUE = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in KINDS.items()))
MASKS = {kind: f"<{kind}>" for kind in KINDS}
WILDCARD = "<*>"
PLACE = re.compile(rf"<(?:\*|{'|'.join(KINDS)})>")
LEVELS = "trace|debug|info|notice|warn|warning|error|severe|crit|critical|fatal"
HEADER = re.compile(
    rf"""
    [\[(]?(?:<Time>|<Number>)[\])]?
    (?:\s+(?:[-|]|\[(?:[^\[\]]|\[[^\[\]]*\])*\]|[\[(]?(?i:{LEVELS})[\])]?:?|<[A-Z]\w*>)(?=\s))*
    (?:(?:\s+\S+){{0,2}}?\s+\S+:(?=\s))?\s+
    """,
    re.VERBOSE,
)
DIGITS = re.compile(r"\d+")


class _Miner:
    """Gives each text the number of its pattern."""

    def __init__(self) -> None:
        self.templates: dict[int, tuple[str, ...]] = {}
        """The words of each pattern behind its header."""
        self._tree = Drain(
            depth=DEPTH, sim_th=SIMILARITY, max_children=MAX_CHILDREN, max_clusters=MAX_PATTERNS, param_str=WILDCARD
        )
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}

    def place(self, text: str) -> tuple[int, tuple[str, ...]]:
        """Return the number of the text's pattern, and the words of the header that its logger wrote."""
        text = text[:LONGEST]
        # Only what differs in more than its digits goes through the tree.
        shape = DIGITS.sub("0", text)
        known = self._known.get(shape)
        if known is None:
            header, body = _parts(text)
            cluster, _ = self._tree.add_log_message(body)
            self.templates[cluster.cluster_id] = tuple(cluster.log_template_tokens)
            known = self._known[shape] = (cluster.cluster_id, header)
        return known


class _Group:
    """Samples of one pattern."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.headers: Counter[tuple[str, ...]] = Counter()

    def add(self, sample: Sample, header: tuple[str, ...]) -> None:
        self.samples.append(sample)
        self.headers[header] += sample.count


def mine(samples: Sequence[Sample]) -> list[Pattern]:
    """Return the patterns of texts, the most frequent first; of equal ones that which came first.

    Time grows with the number of samples that differ in more than digits, some 30 µs each, and memory with all of them.
    """
    miner = _Miner()
    groups: dict[int, _Group] = {}
    for sample in samples:
        number, header = miner.place(sample.text)
        groups.setdefault(number, _Group()).add(sample, header)
    patterns = [_pattern(miner.templates[number], group) for number, group in groups.items()]
    return sorted(patterns, key=lambda pattern: -pattern.count - pattern.earlier)


def grouped(texts: Iterable[str]) -> list[int]:
    """Return for each text the number of the pattern that it is of."""
    miner = _Miner()
    return [miner.place(text)[0] for text in texts]


def masked(text: str) -> str:
    """Return the text with `<Kind>` in place of what looks like a value."""
    return VALUE.sub(lambda found: MASKS[found.lastgroup or ""], text)


def _parts(text: str) -> tuple[tuple[str, ...], str]:
    """Return the words of the header that a logger wrote, and the text behind it, both masked."""
    whole = masked(text)
    header = HEADER.match(whole)
    end = header.end() if header is not None else 0
    return tuple(whole[:end].split()), whole[end:]


def _pattern(body: Sequence[str], group: _Group) -> Pattern:
    words = [*_merged(group.headers), *body]
    bare = " ".join(words)
    kinds = [place.strip("<>").replace("*", "Token") for place in PLACE.findall(bare)]
    numbers = itertools.count(1)
    named = PLACE.sub(lambda _: f"<{kinds[(n := next(numbers)) - 1]}-{n}>", bare)
    regex = _regex(bare)
    values = _values(regex, kinds, group.samples)
    return Pattern(
        template=named,
        regex=regex,
        count=sum(sample.count for sample in group.samples),
        earlier=sum(sample.earlier for sample in group.samples),
        samples=tuple(sample.text for sample in group.samples[:MAX_SAMPLES]),
        tokens=tuple(
            Token(position, kind, dict(counts.most_common(MAX_VALUES)))
            for position, (kind, counts) in enumerate(zip(kinds, values, strict=True), start=1)
        ),
    )


def _merged(headers: Counter[tuple[str, ...]]) -> list[str]:
    """Return the most frequent header, with a wildcard where others of its length have another word."""
    chosen = headers.most_common(1)[0][0]
    alike = [header for header in headers if len(header) == len(chosen)]
    return [words[0] if len(set(words)) == 1 else WILDCARD for words in zip(*alike, strict=True)]


def _regex(bare: str) -> str:
    """Return a regular expression of RE2 for the texts of a pattern, with a group for each of its tokens."""
    literals = [r"\s+".join(map(re.escape, part.split(" "))) for part in PLACE.split(bare)]
    # Only a time has blanks of its own.
    forms = [r"(.+?)" if place == "<Time>" else r"(\S+?)" for place in PLACE.findall(bare)]
    return "".join(itertools.chain.from_iterable(itertools.zip_longest(literals, forms, fillvalue="")))


def _values(regex: str, kinds: Sequence[str], samples: Iterable[Sample]) -> list[Counter[str]]:
    counts: list[Counter[str]] = [Counter() for _ in kinds]
    if not kinds:
        return counts
    try:
        # RE2, since a pattern of many tokens would take Python's own engine for ever on some texts.
        find = re2.compile(rf"\s*{regex}\s*".encode()).fullmatch
    except re2.error:
        # Too many tokens for the engine: the pattern stays without their values.
        return counts
    for sample in itertools.islice(samples, MAX_READ_FOR_VALUES):
        # In bytes, which spares the binding the places of characters.
        found = find(sample.text[:LONGEST].encode("utf-8", "replace"))
        for value, seen in zip(found.groups() if found else (), counts, strict=False):
            seen[value.decode()] += sample.count
    return counts
