"""The wire log: every message of every server on disk, as it went over the wire.

One JSON object per line, one folder, two files per server: `NAME.jsonl` and, after it reached its size, `NAME.1.jsonl`.
`record` says what a line holds, `log` takes messages in on the event loop, `scribe` turns them into lines on a thread,
`files` writes and rotates, `reader` reads and follows, `index` holds the screen's rows, `query` filters them.
"""
