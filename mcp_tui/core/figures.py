"""Times, amounts, sizes and counts as text: the same figure reads the same everywhere. `~` marks an estimate."""

from __future__ import annotations

import math

CHARS_PER_TOKEN = 4
"""What English and JSON come to with the tokenisers of today's models. Good enough to warn of a cost before it
arises; what a provider counted itself is always shown instead."""


def estimated_tokens(chars: int) -> int:
    return -(-chars // CHARS_PER_TOKEN)


def duration_text(duration_ms: float | None) -> str:
    """How long something took: `31ms`, `1.2s`, `2m 05s`, `1h 05m`; "" when unknown."""
    if duration_ms is None:
        return ""
    if round(duration_ms) < 1000:
        return f"{duration_ms:.0f}ms"
    seconds = duration_ms / 1000
    return f"{seconds:.1f}s" if seconds < 59.95 else elapsed_text(max(60, seconds))


def elapsed_text(seconds: float) -> str:
    """Whole seconds, for what still runs: `3s`, `1m 05s`, `1h 05m`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m {whole % 60:02}s" if whole < 3600 else f"{whole // 3600}h {whole // 60 % 60:02}m"


def remaining_text(seconds: float) -> str:
    """What is still to come, in whole seconds that are never too few: `1s` until it is over."""
    return elapsed_text(seconds + 0.999)


def size_text(size_bytes: int) -> str:
    """`312 B`, `4.1 kB`, `20.0 MB`: powers of 1000."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size = size_bytes / 1000
    for unit in ("kB", "MB"):
        if size < 999.95:
            return f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def tokens_text(count: int | None, *, estimate: bool = False) -> str:
    """A count exact below 10,000, then in three digits: `9120`, `48.2k`, `200k`, `1.05M`.

    An estimate in two, because more would say nothing: `~96`, `~1.2k`, `~48k`, `~1.3M`. "" when unknown.
    """
    if count is None:
        return ""
    about, exact, digits = ("~", 1000, 2) if estimate else ("", 10_000, 3)
    if count < exact:
        return f"{about}{count}"
    size, unit = (count / 1000, "k") if count < 999_500 else (count / 1_000_000, "M")
    text = f"{size:.{max(0, digits - 1 - int(math.log10(size)))}f}"
    return f"{about}{text.rstrip('0').rstrip('.') if '.' in text else text}{unit}"


def money_text(usd: float | None, *, estimate: bool = False) -> str:
    """`$0`, `$0.0042`, `$12.30`; below a hundredth of a cent two digits: `$0.000031`. "" when unknown."""
    if usd is None:
        return ""
    if 0 < usd < 0.0001:
        text = f"{usd:.{1 - math.floor(math.log10(usd))}f}".rstrip("0")
    else:
        text = f"{usd:.{0 if usd == 0 else 2 if usd >= 1 else 4}f}"
    return f"{'~' if estimate else ''}${text}"


def price_text(usd_per_mtok: float | None) -> str:
    """Of a million tokens: `$2.50`, `$0.075`; "" when unknown."""
    if usd_per_mtok is None:
        return ""
    return f"${usd_per_mtok:.2f}" if usd_per_mtok >= 0.1 or usd_per_mtok == 0 else f"${usd_per_mtok:.3g}"
