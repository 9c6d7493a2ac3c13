"""How messages are compressed, which hangs on who configures the engine.

A column's codec is the same for what is inserted and for what is merged. The configuration of the embedded engine tells
the two apart (`embedded.xml`); that of a server is its operator's.
"""

from __future__ import annotations

from groundwatch.storage.clickhouse import Client

EMBEDDED, SERVER = "CODEC(Default)", "CODEC(ZSTD(1))"
STATEMENTS = {
    # A default of the table's own would come before the configuration.
    EMBEDDED: "ALTER TABLE events RESET SETTING default_compression_codec",
    SERVER: "ALTER TABLE events MODIFY SETTING default_compression_codec = 'LZ4'",
}
CODEC_NOW = """
    SELECT compression_codec FROM system.columns
    WHERE database = currentDatabase() AND table = 'events' AND name = 'message'
"""


def choose_codecs(client: Client, *, embedded: bool) -> None:
    """Have messages compressed as suits this engine; what is stored is read as it is and follows when it is merged.

    Safe to call at every start, also on a store that has moved from one engine to another.
    """
    wanted = EMBEDDED if embedded else SERVER
    found = client.query(CODEC_NOW).result_rows[0][0]
    if found != wanted:
        client.command(STATEMENTS[wanted])
        client.command(f"ALTER TABLE events MODIFY COLUMN message {wanted}")
