"""The prompts that were sent, newest last, kept from one start to the next as JSON lines."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import TypeAlias

from mcp_tui.config.state_file import StateFile, in_background, readable, text
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind

MAX_PROMPTS = 500
MAX_PROMPT_CHARS = 100_000
MAX_FILE_BYTES = 8_000_000

_Prompts: TypeAlias = tuple[str, ...]


class PromptHistory:
    """All file work runs on a thread. Faults are returned as ErrorInfo: a history is never worth a crash.

    What other dashboards sent joins in when this one keeps a prompt.
    """

    def __init__(self, path: Path | None) -> None:
        """path None: nothing is kept."""
        self._file = _file(path) if path is not None else None
        self._stored: _Prompts = ()
        self._unsaved: _Prompts = ()
        self._turn = asyncio.Lock()

    @property
    def prompts(self) -> tuple[str, ...]:
        return (*self._stored, *self._unsaved)[-MAX_PROMPTS:]

    async def load(self) -> ErrorInfo | None:
        """Read the file; what cannot be understood is left out and told."""
        if self._file is None:
            return None
        async with self._turn:
            try:
                loaded = await in_background(self._file.load)
            except OSError as error:
                return _fault("Prompt history not read", f"{self._file.path}: {error.strerror or error}")
            except AppError as error:
                return _fault("Prompt history not read", error.info.detail)
            self._stored = loaded.value
        if bad := len(loaded.lost):
            noun = "line" if bad == 1 else "lines"
            told = f"{bad} {noun} of {self._file.path} could not be read and were left out"
            return _fault("Prompt history damaged", told)
        return None

    async def add(self, prompt: str) -> ErrorInfo | None:
        """Keep a prompt that was sent; the same one twice in a row counts once."""
        prompt = prompt[:MAX_PROMPT_CHARS]
        if not prompt.strip() or self.prompts[-1:] == (prompt,):
            return None
        self._unsaved = (*self._unsaved, prompt)[-MAX_PROMPTS:]
        if self._file is None:
            return None
        async with self._turn:
            new = self._unsaved
            try:
                self._stored = await in_background(partial(_joined, self._file, new))
            except AppError as error:
                return _fault("Prompt history not saved", error.info.detail)
            self._unsaved = self._unsaved[len(new) :]
        return None


def _fault(title: str, detail: str) -> ErrorInfo:
    return ErrorInfo(title, detail, "the prompts of this session are still there (↑)", ErrorKind.INTERNAL, "history")


def _file(path: Path) -> StateFile[_Prompts]:
    return StateFile(path, (), _decode, _encode, max_bytes=MAX_FILE_BYTES, lines=True)


def _joined(file: StateFile[_Prompts], new: _Prompts) -> _Prompts:
    file.change(lambda stored: (*stored, *new)[-MAX_PROMPTS:])
    return file.read()


def _decode(data: bytes, lost: list[str]) -> _Prompts:
    lines = [line for line in data.splitlines() if line.strip()]
    return tuple(readable(lines, _prompt, lost)[-MAX_PROMPTS:])


def _prompt(line: bytes) -> str:
    prompt = text(json.loads(line)["prompt"])
    if not prompt.strip():
        raise ValueError
    return prompt


def _encode(prompts: _Prompts) -> bytes:
    """As many of the newest as will be read."""
    lines: list[bytes] = []
    room = MAX_FILE_BYTES
    for prompt in reversed(prompts):
        # ASCII only: a lone surrogate of a paste survives, and a cut file damages one line at most.
        line = (json.dumps({"prompt": prompt}) + "\n").encode("ascii")
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    return b"".join(reversed(lines))
