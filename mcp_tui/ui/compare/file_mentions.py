"""`@path` in the prompt editor: files of this machine, found and completed. What touches the disk says so."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.figures import size_text
from mcp_tui.core.text import clean_line
from mcp_tui.ui.compare.mentions import MENTION, Candidate, readings

_EXPLICIT = ("./", "../", "~/")
"""What begins so is meant as a file, whether it is there or not."""
_MOST_ENTRIES = 5_000
_MOST_SHOWN = 50
_QUOTED = re.compile(r"(?:^|(?<=[\s(\[{\"']))@\"([^\"\n]+)\"")


def possible_files(text: str, servers: Collection[str]) -> tuple[str, ...]:
    """Words after an @ that may name a file: with a slash or a dot in them, and not a server's resource."""
    words: dict[str, None] = dict.fromkeys(match[1] for match in _QUOTED.finditer(text))
    for match in MENTION.finditer(_QUOTED.sub(" ", text)):
        word = match.group(1)
        server, colon, _ = word.partition(":")
        if not (colon and server in servers) and re.search(r"[./]", word):
            words.setdefault(word)
    return tuple(words)


def existing_files(words: Iterable[str], *, lenient: bool = False) -> tuple[Path, ...]:
    """The files they name, each once. Blocks.

    AppError (usage) for a path that cannot be anything else and is not there; lenient: it is left out. Any other
    word that names no file is only text.
    """
    found: dict[Path, None] = {}
    for word in words:
        path = _file(word)
        if path is not None:
            found.setdefault(path)
        elif not lenient and _is_meant(word):
            raise AppError(
                f"@{clean_line(word)} not found",
                f"there is no such file (in {clean_line(str(Path.cwd()))})",
                "type @./ to see what there is",
                kind=ErrorKind.USAGE,
                code="bad_attachment",
            )
    return tuple(found)


def attached_text(words: Iterable[str]) -> str:
    """`report.pdf 1.2 MB`, `3 files 4.0 MB`, or "" for none. Blocks."""
    sizes: list[tuple[Path, int]] = []
    for path in existing_files(words, lenient=True):
        try:
            sizes.append((path, path.stat().st_size))
        except OSError:
            continue  # gone since; sending says so
    if not sizes:
        return ""
    name = clean_line(sizes[0][0].name) if len(sizes) == 1 else f"{len(sizes)} files"
    return f"{name} {size_text(sum(size for _, size in sizes))}"


def file_candidates(typed: str) -> list[Candidate]:
    """Files and folders that go on from what was typed after the @. Blocks.

    typed: a path, or the beginning of a name in the current folder. Hidden ones only when asked for.
    """
    folder_text, slash, begun = typed.rpartition("/")
    try:
        folder = Path(folder_text + slash).expanduser() if slash else Path()
        entries = sorted(
            (entry for entry, _ in zip(folder.iterdir(), range(_MOST_ENTRIES), strict=False)),
            key=lambda entry: entry.name.casefold(),
        )
    except (OSError, RuntimeError, ValueError):
        return []  # no such folder, or not ours to read: nothing to suggest
    found: list[Candidate] = []
    for entry in entries:
        hidden = entry.name.startswith(".") and not begun.startswith(".")
        if hidden or not entry.name.casefold().startswith(begun.casefold()) or clean_line(entry.name) != entry.name:
            continue
        candidate = _candidate(entry, folder_text + slash if slash else "./")
        if candidate is not None:
            found.append(candidate)
        if len(found) == _MOST_SHOWN:
            break
    return found


def _candidate(entry: Path, before: str) -> Candidate | None:
    try:
        if entry.is_dir():
            return Candidate(f"@{before}{entry.name}/", "folder")
        if not entry.is_file():
            return None
        size = entry.stat().st_size
    except OSError:
        return None
    path = f"{before}{entry.name}"
    quoted = '"' in path or any(character.isspace() for character in path)
    if quoted and '"' in path:
        return None
    return Candidate(f'@"{path}"' if quoted else f"@{path}", size_text(size))


def _file(word: str) -> Path | None:
    for reading in readings(word):
        try:
            path = Path(reading).expanduser()
            if path.is_file():
                return path
        except (OSError, RuntimeError, ValueError):
            return None  # a name no file can have, or a home nobody has
    return None


def _is_meant(word: str) -> bool:
    if word.startswith(_EXPLICIT):
        return True
    # `@/components` is an import in some languages; `@/home/me/typo.pdf` is a mistake.
    if not word.startswith("/") or word.count("/") < 2:
        return False
    try:
        return Path(word).parent.is_dir()
    except (OSError, ValueError):
        return False
