"""Notices when files of a server's source change: `watch = ["src/**/*.py"]`.

Polling of our own rather than `watchfiles`: its compiled module is one more dependency on every platform for what a
few hundred `stat` calls on a thread tell too, and it watches whole trees (a `node_modules` exhausts the kernel's
watches) where only a pattern's files are wanted.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_tui.config.stamps import Stamps, settled, stamps

INTERVAL_S = 0.4
SETTLE_S = 0.15
MAX_FILES = 5_000
_MAX_ENTRIES = 50_000
"""Looked at in one walk, whether they match or not."""
_MOST_BUSY = 20
"""It rests at least so many times as long as it looked."""
_DEEPEST = 24
_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "venv", "site-packages", "target", ".git", ".hg", ".svn", ".venv", ".tox"}
)
"""Folders that a wildcard does not enter; a pattern may name them."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """`folder` holds no wildcard; `rest` matches the path below it, "" everything below."""

    folder: Path
    rest: re.Pattern[str] | None
    excludes: bool = False
    hidden: bool = False
    """Names with a leading dot are meant too."""


def compiled(text: str, base: Path) -> tuple[Pattern, ...]:
    """A glob relative to `base`: `*`, `?`, `[ab]`, `{a,b}`, `**` over folders, `!` in front to leave out.

    A pattern without a wildcard is a file, or a folder with all that is in it.
    """
    excludes = text.startswith("!")
    found: list[Pattern] = []
    for variant in _braces(text.removeprefix("!").removeprefix("./")):
        parts = [part for part in Path(variant).expanduser().as_posix().split("/") if part]
        folder = Path("/") if Path(variant).expanduser().is_absolute() else base
        plain = next((n for n, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
        folder = Path(os.path.normpath(folder.joinpath(*parts[:plain])))
        rest = parts[plain:]
        hidden = any(part.startswith(".") for part in rest)
        found.append(Pattern(folder, re.compile(_regex(rest)) if rest else None, excludes, hidden))
    return tuple(found)


def _braces(text: str) -> list[str]:
    found = re.search(r"\{([^{}]*,[^{}]*)\}", text)
    if found is None:
        return [text]
    before, after = text[: found.start()], text[found.end() :]
    return [variant for choice in found[1].split(",")[:20] for variant in _braces(before + choice + after)][:200]


def _regex(parts: Sequence[str]) -> str:
    text = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            text += ".*" if last else "(?:[^/]+/)*"
        else:
            text += _part_regex(part) + ("" if last else "/")
    return rf"{text}\Z"


def _part_regex(part: str) -> str:
    text, place = "", 0
    while place < len(part):
        char = part[place]
        end = part.find("]", place + 2) if char == "[" else -1
        if end > 0:
            inside = part[place + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            text += f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]"
            place = end
        else:
            text += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        place += 1
    return text


class FileWatch:
    """One reader: `async for changed in watch.changes()`."""

    def __init__(
        self,
        patterns: Sequence[str],
        base: Path,
        *,
        interval_s: float | None = None,
        settle_s: float | None = None,
    ) -> None:
        """patterns: see `compiled`. ValueError when one cannot be read."""
        self.full = False
        """There are more files than are looked at."""
        self.count = 0
        """Files looked at last."""
        self._base = base
        self._interval_s = INTERVAL_S if interval_s is None else interval_s
        self._settle_s = SETTLE_S if settle_s is None else settle_s
        self._took_s = 0.0
        try:
            found = [pattern for text in patterns for pattern in compiled(text, base)]
        except re.error as error:
            raise ValueError(f"a pattern of `watch` cannot be read: {error}") from error
        self._wanted = [pattern for pattern in found if not pattern.excludes]
        self._unwanted = [pattern for pattern in found if pattern.excludes]

    async def changes(self) -> AsyncGenerator[tuple[str, ...]]:
        """The paths that changed, came or went, once they came to rest; relative to the base where they are below."""
        seen = await asyncio.to_thread(self.look)
        while True:
            seen, changed = await self.change(seen)
            yield changed

    async def change(self, seen: Stamps) -> tuple[Stamps, tuple[str, ...]]:
        """The files as they are once they differ from `seen` and rest, and the paths that differ."""
        while True:
            now = await asyncio.to_thread(self.look)
            if now != seen:
                now = await settled(self.look, now, self._settle_s)
                changed = [path for path in {**seen, **now} if seen.get(path) != now.get(path)]
                if changed:
                    return now, tuple(sorted(self._shown(path) for path in changed))
            await asyncio.sleep(max(self._interval_s, _MOST_BUSY * self._took_s))

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._base)) if path.is_relative_to(self._base) else str(path)

    def look(self) -> Stamps:
        """The files as they are now. Blocks on the disk."""
        started = time.perf_counter()
        files: dict[Path, None] = {}
        self.full = False
        for pattern in self._wanted:
            for path in _files(pattern):
                if not any(_matches(unwanted, path) for unwanted in self._unwanted):
                    files[path] = None
                if len(files) >= MAX_FILES:
                    self.full = True
                    break
        self.count = len(files)
        found = stamps(files)
        self._took_s = time.perf_counter() - started
        return found


def _matches(pattern: Pattern, path: Path) -> bool:
    if not path.is_relative_to(pattern.folder):
        return False
    return pattern.rest is None or pattern.rest.match(path.relative_to(pattern.folder).as_posix()) is not None


def _files(pattern: Pattern) -> Iterator[Path]:
    if pattern.rest is None and not pattern.folder.is_dir():
        yield pattern.folder  # also one that is not there yet
        return
    looked = 0
    waiting = [(str(pattern.folder), "", 0)]
    while waiting:
        folder, below, depth = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                names = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in names:
            looked += 1
            if looked > _MAX_ENTRIES:
                return
            name = entry.name
            if name in _SKIPPED or (name.startswith(".") and not pattern.hidden):
                continue
            place = f"{below}{name}"
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError:
                continue
            if is_folder:
                if depth < _DEEPEST:
                    waiting.append((entry.path, f"{place}/", depth + 1))
            elif pattern.rest is None or pattern.rest.match(place):
                yield Path(entry.path)
