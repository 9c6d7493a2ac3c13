"""The tables of events and metrics and their migrations: an ordered list of statements, each applied once.

The events table keeps one row an event. Its key is the event's place in its stream, which is also the order of event
ids: (timestamp, ingestion time, batch, position in the batch). Groups and streams are numbers that the metadata
database gives out and never reuses, so a deleted group's events are out of reach at once and reclaimed later.

The skip index over runs of four characters answers `LIKE '%word%'` for any part of a word, as filter patterns need it.
Inserts leave it to the merges (docs/decisions/0008-substring-index.md, its size: 0015-disk-and-merges.md).
"""

from __future__ import annotations

from groundwatch.storage.clickhouse import Client

DAY_MS, WEEK_MS = 86_400_000, 604_800_000

EVENTS_TABLE = f"""
CREATE TABLE events (
    group_id UInt64,
    stream_id UInt64,
    timestamp Int64 CODEC(DoubleDelta, ZSTD(1)),
    ingested Int64 CODEC(DoubleDelta, ZSTD(1)),
    batch UInt64 CODEC(ZSTD(1)),
    seq UInt16 CODEC(Delta, ZSTD(1)),
    message String CODEC(ZSTD(1)),
    INDEX message_ngrams message TYPE ngrambf_v1(4, 65536, 2, 0) GRANULARITY 1,
    PROJECTION stream_statistics (
        SELECT group_id, stream_id, min(timestamp), max(timestamp), max(ingested), count(), sum(length(message))
        GROUP BY group_id, stream_id
    )
)
ENGINE = MergeTree
PARTITION BY intDiv(timestamp, {WEEK_MS})
ORDER BY (group_id, stream_id, timestamp, ingested, batch, seq)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    lightweight_mutation_projection_mode = 'rebuild',
    max_parts_in_total = 100000
"""

# A new name instead of the old one: parts that still hold the old filter must never be read as if it were the new.
# What is stored gets the new index in the background, and the start does not wait for it.
SMALLER_INDEX = (
    "ALTER TABLE events ADD INDEX IF NOT EXISTS message_runs message TYPE ngrambf_v1(4, 32768, 1, 0) GRANULARITY 1",
    "ALTER TABLE events MATERIALIZE INDEX message_runs SETTINGS mutations_sync = 0",
    "ALTER TABLE events DROP INDEX IF EXISTS message_ngrams SETTINGS mutations_sync = 0, alter_sync = 0",
)

# One row a metric. What is put again only moves `last_ms`.
METRICS_TABLE = """
CREATE TABLE metrics (
    account_id LowCardinality(String),
    region LowCardinality(String),
    namespace LowCardinality(String),
    name String,
    metric UInt128,
    dimension_names SimpleAggregateFunction(any, Array(String)),
    dimension_values SimpleAggregateFunction(any, Array(String)),
    last_ms SimpleAggregateFunction(max, Int64)
)
ENGINE = AggregatingMergeTree
ORDER BY (account_id, region, namespace, name, metric)
TTL toDateTime(intDiv(last_ms, 1000)) + INTERVAL 456 DAY DELETE
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1
"""

# Samples of a metric by period, at first of a second or a minute. Merges put periods together that have grown old
# (docs/decisions/0022-metrics-grow-coarse-in-place.md); a statement adds up whatever rows a period still has.
METRIC_HOUR, METRIC_FIVE, METRIC_MINUTE = (f"intDiv(time_ms, {size_ms})" for size_ms in (3_600_000, 300_000, 60_000))
METRIC_KEY = f"metric, unit, {METRIC_HOUR}, {METRIC_FIVE}, {METRIC_MINUTE}"
METRIC_AGE = "toDateTime(intDiv(time_ms, 1000))"
METRIC_SUMS = """
    SET time_ms = min(time_ms), samples = sum(samples), total = sum(total), minimum = min(minimum),
    maximum = max(maximum), counted = sumMap(counted)
"""
# A part in which a rule has come due for some rows only is written anew every four hours: a day at a time is little.
METRIC_POINTS_TABLE = f"""
CREATE TABLE metric_points (
    metric UInt128,
    unit LowCardinality(String),
    time_ms Int64 CODEC(DoubleDelta, ZSTD(1)),
    samples SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    total SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    minimum SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1)),
    maximum SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    counted SimpleAggregateFunction(sumMap, Tuple(Array(Float64), Array(Float64))) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY intDiv(time_ms, {DAY_MS})
PRIMARY KEY ({METRIC_KEY})
ORDER BY ({METRIC_KEY}, time_ms)
TTL
    {METRIC_AGE} + INTERVAL 3 HOUR GROUP BY {METRIC_KEY} {METRIC_SUMS},
    {METRIC_AGE} + INTERVAL 15 DAY GROUP BY metric, unit, {METRIC_HOUR}, {METRIC_FIVE} {METRIC_SUMS},
    {METRIC_AGE} + INTERVAL 63 DAY GROUP BY metric, unit, {METRIC_HOUR} {METRIC_SUMS},
    {METRIC_AGE} + INTERVAL 455 DAY DELETE
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    index_granularity = 512
"""

# Which version of the columns of fields tells an event's fields, 0 for none yet, negative where they cannot: then its
# message does. The columns themselves come with the fields that there are (docs/decisions/0024-shredded-fields.md).
SHREDDED = (
    "ALTER TABLE events ADD COLUMN IF NOT EXISTS shredded Int16 CODEC(ZSTD(1))",
    "ALTER TABLE events ADD INDEX IF NOT EXISTS shredded_versions shredded TYPE minmax GRANULARITY 1",
)

# A merge holds some 8 MB of each part that it reads (a granule twice over, and buffers), and two merges go on at once:
# with the hundred parts that it takes by default, they held 1.5 GB (docs/decisions/0015-disk-and-merges.md).
FEWER_PARTS_A_MERGE = "ALTER TABLE events MODIFY SETTING max_parts_to_merge_at_once = 24"

MIGRATIONS = (
    EVENTS_TABLE,
    *SMALLER_INDEX,
    "ALTER TABLE events MODIFY COLUMN timestamp CODEC(Delta, ZSTD(1))",
    "ALTER TABLE events MODIFY SETTING merge_selector_base = 10",
    METRICS_TABLE,
    METRIC_POINTS_TABLE,
    *SHREDDED,
    # Half a byte more for an event, and read in a third of the time, which every search and query has to.
    "ALTER TABLE events MODIFY COLUMN timestamp CODEC(T64, LZ4)",
    FEWER_PARTS_A_MERGE,
    # The engine's own choice for large parts is ZSTD(3): looking into the index of a word takes three times as long.
    "ALTER TABLE events MODIFY SETTING default_compression_codec = 'LZ4'",
)
"""Never change a statement that has been released: append one that changes what it made, and that may run twice."""

VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (version UInt32) ENGINE = MergeTree ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


def migrate_events(client: Client) -> None:
    """Bring the event store to the newest schema; safe to call at every start, also after a crash half-way.

    A statement and its version number are two writes, and a crash may come between them: every statement can be
    repeated, and `CREATE TABLE` finds its table again.
    """
    client.command(VERSION_TABLE)
    done = int(client.query("SELECT max(version) FROM schema_version").result_rows[0][0])
    for version, statement in enumerate(MIGRATIONS, start=1):
        if version > done:
            client.command(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
            client.insert(
                "schema_version",
                [[version]],
                column_names=["version"],
                column_type_names=["UInt32"],
                column_oriented=True,
            )
