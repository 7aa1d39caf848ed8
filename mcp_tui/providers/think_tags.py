"""Reasoning that a server leaves inside the answer as `<think> ... </think>`.

Some hosts and local servers pass a model's raw output on. Only a tag at the very start of the answer counts: a
model may write about the tag later on.
"""

from __future__ import annotations

_OPEN = "<think>"
_CLOSE = "</think>"
_MAX_HELD = 256
"""Characters of leading white space after which no tag is expected any more."""


class ThinkSplitter:
    """Splits a stream of text into (reasoning, text), whatever way the tags are cut."""

    def __init__(self) -> None:
        self._state = "start"
        self._held: str = ""

    @property
    def passes(self) -> bool:
        """The answer began: from here on everything is text."""
        return self._state == "text"

    def feed(self, delta: str) -> tuple[str, str]:
        """What became certain: (reasoning, text)."""
        if self._state == "text":
            return "", delta
        self._held += delta
        if self._state == "start":
            begun = self._held.lstrip()
            undecided = not begun or (len(begun) < len(_OPEN) and _OPEN.startswith(begun))
            if undecided and len(self._held) <= _MAX_HELD:
                return "", ""
            if not begun.startswith(_OPEN):
                self._state = "text"
                return "", self._release()
            self._state = "thinking"
            self._held = begun.removeprefix(_OPEN)
        reasoning = ""
        if self._state == "thinking":
            thought, closed, rest = self._held.partition(_CLOSE)
            if not closed:
                keep = _overlap(self._held, _CLOSE)
                reasoning = self._held[: len(self._held) - keep]
                self._held = self._held[len(self._held) - keep :]
                return reasoning, ""
            reasoning = thought
            self._state = "after"
            self._held = rest
        # The blank lines between the tag and the answer belong to neither.
        text = self._held.lstrip()
        self._held = ""
        if text:
            self._state = "text"
        return reasoning, text

    def flush(self) -> tuple[str, str]:
        """What was held back, at the end of the stream."""
        held = self._release()
        return (held, "") if self._state == "thinking" else ("", "" if self._state == "after" else held)

    def _release(self) -> str:
        held, self._held = self._held, ""
        return held


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of text are the beginning of tag."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
