from __future__ import annotations

from mcp_tui.core.figures import (
    duration_text,
    elapsed_text,
    estimated_tokens,
    money_text,
    price_text,
    remaining_text,
    size_text,
    tokens_text,
)


def test_a_duration_reads_the_same_in_every_length() -> None:
    assert [duration_text(ms) for ms in (None, 0, 31.4, 999.4, 1250, 59_900)] == [
        "",
        "0ms",
        "31ms",
        "999ms",
        "1.2s",
        "59.9s",
    ]
    assert [duration_text(ms) for ms in (999.6, 59_960, 65_000, 3_900_000)] == ["1.0s", "1m 00s", "1m 05s", "1h 05m"]


def test_what_still_runs_counts_whole_seconds() -> None:
    assert [elapsed_text(s) for s in (-1, 0.9, 59.9, 65, 3600, 90_061)] == [
        "0s",
        "0s",
        "59s",
        "1m 05s",
        "1h 00m",
        "25h 01m",
    ]


def test_what_is_to_come_is_never_too_short() -> None:
    assert [remaining_text(s) for s in (-1, 0, 0.1, 1, 59.5, 1800)] == ["0s", "0s", "1s", "1s", "1m 00s", "30m 00s"]


def test_sizes_are_powers_of_1000() -> None:
    sizes = (0, 999, 1000, 20_000_000, 3_200_000_000)
    assert [size_text(size) for size in sizes] == ["0 B", "999 B", "1.0 kB", "20.0 MB", "3.2 GB"]


def test_counted_tokens_are_exact_while_they_are_few() -> None:
    counts = (None, 512, 9_999, 12_345, 200_000, 999_600, 1_048_576, 2_000_000)
    assert [tokens_text(n) for n in counts] == ["", "512", "9999", "12.3k", "200k", "1M", "1.05M", "2M"]


def test_an_estimate_says_no_more_than_it_knows() -> None:
    counts = (96, 1_204, 48_213, 131_072, 1_300_000)
    assert [tokens_text(n, estimate=True) for n in counts] == ["~96", "~1.2k", "~48k", "~131k", "~1.3M"]
    assert [estimated_tokens(chars) for chars in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_money_never_reads_as_nothing() -> None:
    amounts = (None, 0, 0.00000031, 0.00001, 0.0042, 0.5, 12.345)
    assert [money_text(usd) for usd in amounts] == ["", "$0", "$0.00000031", "$0.00001", "$0.0042", "$0.5000", "$12.35"]
    assert money_text(0.5, estimate=True) == "~$0.5000"
    assert [price_text(usd) for usd in (None, 0, 0.075, 0.15, 3.0)] == ["", "$0.00", "$0.075", "$0.15", "$3.00"]
