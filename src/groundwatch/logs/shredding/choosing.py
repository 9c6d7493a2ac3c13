"""Which fields get columns: those that many events have, told from a sample. A choice changes speed alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from groundwatch.logs.shredding.columns import MAX_COLUMNS, PLAIN_NAME, ColumnKind, FieldColumn

COMMON_RATIO = 0.01
"""A field that fewer of the sampled events have gets no column."""
KIND_RATIO = 0.002
"""A type that fewer of a field's values have gets none: events with one are read from their messages."""
WORD_RATIO = 0.1
"""Texts of which no more than this part differ are kept as numbers into a dictionary."""
MAX_MEAN_CHARACTERS = 128
"""Long texts would be stored twice for queries that hardly ever ask for them whole."""
MAX_DEPTH = 4
LEAST_VALUES = 20
INTEGERS = range(-(2**63), 2**63)

Path = tuple[str, ...]
Found = tuple[Path, ColumnKind, str]


class FieldSample:
    """What the sampled messages hold: values of each field by their types, and texts."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.events = len(messages)
        self.kinds: defaultdict[Path, Counter[ColumnKind]] = defaultdict(Counter)
        self._texts: defaultdict[Path, list[str]] = defaultdict(list)
        for message in messages:
            for path, kind, text in _fields(message):
                self.kinds[path][kind] += 1
                if kind == "text":
                    self._texts[path].append(text)

    def common_paths(self) -> list[Path]:
        """Return the fields that enough events have, the most frequent first."""
        counts = {path: kinds.total() for path, kinds in self.kinds.items()}
        least = max(LEAST_VALUES, COMMON_RATIO * self.events)
        return sorted(
            (path for path, count in counts.items() if count >= least), key=lambda path: (-counts[path], path)
        )

    def column_kinds(self, path: Path) -> list[ColumnKind]:
        """Return the types that the field's columns should have; none where its texts are too long."""
        texts = self._texts[path]
        if sum(map(len, texts)) > MAX_MEAN_CHARACTERS * len(texts):
            return []
        kinds = self.kinds[path]
        common = [kind for kind, count in kinds.most_common() if count >= KIND_RATIO * kinds.total()]
        few = len(set(texts)) <= WORD_RATIO * len(texts)
        return ["word" if kind == "text" and few else kind for kind in common]


def choose_columns(messages: Sequence[str], known: Sequence[FieldColumn]) -> list[FieldColumn]:
    """Return the columns that should be added to those that there are."""
    sample = FieldSample(messages)
    taken: dict[Path, set[ColumnKind]] = defaultdict(set)
    for column in known:
        taken[column.path].add(column.kind)
    added: list[FieldColumn] = []
    for path in sample.common_paths():
        # What is a value in some events and an object in others cannot be taken from one reading of a message.
        if any(path != other and _is_within(path, other) for other in taken):
            continue
        for kind in sample.column_kinds(path):
            if kind in taken[path] or (kind in {"word", "text"} and taken[path] & {"word", "text"}):
                continue
            if len(known) + len(added) == MAX_COLUMNS:
                return added
            taken[path].add(kind)
            added.append(FieldColumn(max((column.number for column in (*known, *added)), default=0) + 1, path, kind))
    return added


def _is_within(path: Path, other: Path) -> bool:
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


def _fields(message: str) -> Iterator[Found]:
    if not message.lstrip().startswith("{"):
        return
    try:
        document = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return
    yield from _members(document, ())


def _members(document: Mapping[str, object], above: Path) -> Iterator[Found]:
    for name, value in document.items():
        # Queries call a member `a.b` as they do a member `b` of `a`.
        path = (*above, *name.split("."))
        if len(path) > MAX_DEPTH or not all(map(PLAIN_NAME.fullmatch, path)):
            continue
        match value:
            case dict():
                yield from _members(value, path)
            case bool():
                yield path, "boolean", ""
            case int() if value in INTEGERS:
                yield path, "integer", ""
            case float():
                yield path, "double", ""
            case str():
                yield path, "text", value
