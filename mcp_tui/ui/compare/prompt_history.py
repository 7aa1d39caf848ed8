"""The prompts that were sent, newest last, kept from one start to the next as JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from mcp_tui.core.errors import ErrorInfo, ErrorKind

MAX_PROMPTS = 500
MAX_PROMPT_CHARS = 100_000
MAX_FILE_BYTES = 8_000_000


class PromptHistory:
    """All file work runs on a thread. Faults are returned as ErrorInfo: a history is never worth a crash.

    Appending is one write of one line, so two programs at once do not spoil each other's.
    """

    def __init__(self, path: Path | None) -> None:
        """path None: nothing is kept."""
        self._path = path
        self._prompts: list[str] = []
        self._lines = 0
        self._writing = asyncio.Lock()

    @property
    def prompts(self) -> tuple[str, ...]:
        return tuple(self._prompts)

    async def load(self) -> ErrorInfo | None:
        """Read the file; what cannot be understood is left out and told."""
        if self._path is None:
            return None
        try:
            prompts, bad, lines = await asyncio.to_thread(_read, self._path)
        except OSError as error:
            return _fault("Prompt history not read", f"{self._path}: {error.strerror or error}")
        # What was sent while the file was read is newer.
        self._prompts = [*prompts, *self._prompts][-MAX_PROMPTS:]
        self._lines = lines
        if bad:
            noun = "line" if bad == 1 else "lines"
            return _fault("Prompt history damaged", f"{bad} {noun} of {self._path} could not be read and were left out")
        return None

    async def add(self, prompt: str) -> ErrorInfo | None:
        """Keep a prompt that was sent; the same one twice in a row counts once."""
        prompt = prompt[:MAX_PROMPT_CHARS]
        if not prompt.strip() or (self._prompts and self._prompts[-1] == prompt):
            return None
        self._prompts = [*self._prompts, prompt][-MAX_PROMPTS:]
        if self._path is None:
            return None
        async with self._writing:
            try:
                if self._lines >= 2 * MAX_PROMPTS:
                    await asyncio.to_thread(_rewrite, self._path, tuple(self._prompts))
                    self._lines = len(self._prompts)
                else:
                    await asyncio.to_thread(_append, self._path, prompt)
                    self._lines += 1
            except OSError as error:
                return _fault("Prompt history not saved", f"{self._path}: {error.strerror or error}")
        return None


def _fault(title: str, detail: str) -> ErrorInfo:
    return ErrorInfo(title, detail, "the prompts of this session are still there (↑)", ErrorKind.INTERNAL, "history")


def _read(path: Path) -> tuple[list[str], int, int]:
    """(prompts, damaged lines, lines)."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            start = max(0, file.tell() - MAX_FILE_BYTES)
            file.seek(start)
            lines = file.read().splitlines()
    except FileNotFoundError:
        return [], 0, 0
    if start:
        lines = lines[1:]
    prompts: list[str] = []
    bad = 0
    for line in lines:
        if not line.strip():
            continue
        prompt = _decoded(line)
        if prompt is None:
            bad += 1
        else:
            prompts.append(prompt)
    return prompts[-MAX_PROMPTS:], bad, len(lines)


def _decoded(line: bytes) -> str | None:
    try:
        entry: Any = json.loads(line.decode("utf-8"))
        prompt: Any = entry["prompt"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return prompt if isinstance(prompt, str) and prompt.strip() else None


def _line(prompt: str) -> bytes:
    # ASCII only: a lone surrogate of a paste survives, and a cut file damages one line at most.
    return (json.dumps({"prompt": prompt}) + "\n").encode("ascii")


def _append(path: Path, prompt: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        line = _line(prompt)
        if _ends_inside_a_line(path):
            line = b"\n" + line
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def _ends_inside_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _rewrite(path: Path, prompts: tuple[str, ...]) -> None:
    """Whole file, put in place at once."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(_line(prompt) for prompt in prompts)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
