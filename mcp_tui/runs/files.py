"""Files of this machine as attachments of a prompt."""

from __future__ import annotations

import mimetypes
import stat
from collections.abc import Sequence
from pathlib import Path

from mcp_tui.core.chat import TextBlock
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.figures import size_text
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.media import kind_of, plain_type
from mcp_tui.runs.binary import (
    FILE_LIMIT_BYTES,
    IMAGE_LIMIT_BYTES,
    block_of,
    decoded,
    image_type,
    is_text_type,
)
from mcp_tui.runs.spec import Attachment

TEXT_LIMIT_BYTES = 2_000_000
"""More text than the context window of nearly every model."""
ALL_LIMIT_BYTES = 24 * 1024 * 1024
"""Of one prompt's files together, so that a request stays below 32 MB."""
_CODE = "bad_attachment"


def read_file(path: Path) -> Attachment:
    """Blocks on the disk. AppError (usage) for what cannot be attached, naming the file and the reason."""
    shown = _shown(path)
    size = _size(path, shown)
    guessed = plain_type(mimetypes.guess_type(path.name)[0] or "")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(shown, error.strerror or type(error).__name__) from error
    if not content:
        raise _refusal(shown, "it is empty")
    if image_type(content) is not None and size > IMAGE_LIMIT_BYTES:
        raise _too_large(shown, "an image", size, IMAGE_LIMIT_BYTES)
    block = block_of(content, guessed, path.name)
    if block is None or isinstance(block, TextBlock):
        text = decoded(content)
        if text is None:
            raise _refusal(
                shown,
                _unreadable(guessed),
                "attach UTF-8 text, an image, a PDF, an office document, audio or video",
            )
        if size > TEXT_LIMIT_BYTES:
            raise _too_large(shown, "a text", size, TEXT_LIMIT_BYTES)
        entry: JsonObject = {"uri": shown, "mimeType": guessed or "text/plain", "text": text}
    else:
        entry = {"uri": shown, "mimeType": block.mime_type, "blob": block.data_b64}
    return Attachment("", path.resolve().as_uri(), {"contents": [entry]})


def read_files(paths: Sequence[Path]) -> tuple[Attachment, ...]:
    """Each once; all of them, or an AppError."""
    unique = list(dict.fromkeys(path.expanduser() for path in paths))
    total = sum(_size(path, _shown(path)) for path in unique)
    if total > ALL_LIMIT_BYTES:
        raise AppError(
            "Too much attached",
            f"the files have {size_text(total)} together, {size_text(ALL_LIMIT_BYTES)} is the most",
            "attach fewer of them",
            kind=ErrorKind.USAGE,
            code=_CODE,
        )
    return tuple(read_file(path) for path in unique)


def _unreadable(guessed: str) -> str:
    if guessed and not is_text_type(guessed) and kind_of(guessed) is None:
        return f"{guessed} is nothing a model reads"
    return "it is no UTF-8 text" if not guessed or is_text_type(guessed) else "its content is not what its name says"


def _size(path: Path, shown: str) -> int:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise _refusal(shown, "there is no such file", f"looked in {clean_line(str(Path.cwd()))}") from error
    except (OSError, ValueError) as error:
        raise _refusal(shown, getattr(error, "strerror", None) or str(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise _refusal(shown, "it is a folder", "attach the files in it")
    if not stat.S_ISREG(status.st_mode):
        # Reading a pipe or a device may never end.
        raise _refusal(shown, "it is no ordinary file")
    if status.st_size > FILE_LIMIT_BYTES:
        raise _too_large(shown, "a file", status.st_size, FILE_LIMIT_BYTES)
    return status.st_size


def _shown(path: Path) -> str:
    """Relative to the current folder when it is in there; else the name alone: models need not know the folders."""
    try:
        return clean_line(str(path.resolve().relative_to(Path.cwd())))
    except (OSError, ValueError):
        return clean_line(path.name)


def _too_large(shown: str, what: str, size: int, limit: int) -> AppError:
    return _refusal(shown, f"it has {size_text(size)}; {what} may have {size_text(limit)}")


def _refusal(shown: str, detail: str, hint: str = "") -> AppError:
    return AppError(f"{shown} cannot be attached", clean_line(detail), hint, kind=ErrorKind.USAGE, code=_CODE)
