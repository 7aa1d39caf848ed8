"""Files of this machine as attachments: what they become for a model, and which are refused, in words."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from mcp_tui.core.chat import FileBlock, ImageBlock, TextBlock
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.runs import files as limits
from mcp_tui.runs.binary import decoded, file_name, page_count
from mcp_tui.runs.files import read_file, read_files
from mcp_tui.runs.results import attachment_blocks

PNG = b"\x89PNG\r\n\x1a\nrest"
PDF = b"%PDF-1.7\n1 0 obj<</Type /Pages /Count 2>>\n2 0 obj<</Type/Page>>\n3 0 obj<</Type /Page >>\n%%EOF"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def block(path: Path) -> TextBlock | ImageBlock | FileBlock:
    """What stands in the prompt, behind the words that announce it."""
    first, *rest = attachment_blocks(read_file(path))
    assert isinstance(first, TextBlock) and first.text.startswith("[attached file ")
    return rest[0] if rest else first


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.py", b"print('h\xc3\xa9')\n", "print('hé')"),
        ("Makefile", b"all:\n\tgo\n", "all:"),
        ("data.json", b'\xef\xbb\xbf{"a": 1}', '{"a": 1}'),
        ("notes.txt", "h\u00e9".encode("utf-16"), "hé"),
        ("drawing.svg", b"<svg xmlns='x'/>", "<svg xmlns='x'/>"),
        ("odd.unknown", b"plain words", "plain words"),
    ],
)
def test_text_goes_as_text_whatever_its_name(here: Path, name: str, content: bytes, text: str) -> None:
    (here / name).write_bytes(content)
    found = block(here / name)
    assert isinstance(found, TextBlock)
    assert f'"{name}"' in found.text and text in found.text
    assert str(here) not in found.text  # no folders of ours for the provider


def test_images_and_documents_go_whole(here: Path) -> None:
    (here / "photo.jpg").write_bytes(PNG)
    assert block(here / "photo.jpg") == ImageBlock("image/png", base64.b64encode(PNG).decode())
    (here / "report").write_bytes(PDF)  # without a suffix
    assert block(here / "report") == FileBlock("application/pdf", base64.b64encode(PDF).decode(), "report", 2)
    (here / "memo.wav").write_bytes(b"RIFF....WAVE")
    found = block(here / "memo.wav")
    assert isinstance(found, FileBlock) and (found.mime_type, found.name) == ("audio/wav", "memo.wav")


def test_the_announcement_says_what_follows(here: Path) -> None:
    (here / "report.pdf").write_bytes(PDF)
    attachment = read_file(here / "report.pdf")
    assert (attachment.server, attachment.uri) == ("", (here / "report.pdf").resolve().as_uri())
    announced, _ = attachment_blocks(attachment)
    assert isinstance(announced, TextBlock)
    assert '"report.pdf"' in announced.text and "(the file that follows)" in announced.text


def test_a_file_elsewhere_goes_by_its_name_alone(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("private") / "a.txt"
    elsewhere.write_text("x")
    (here / "sub").mkdir()
    (here / "sub" / "b.txt").write_text("y")
    found, inside = block(elsewhere), block(here / "sub" / "b.txt")
    assert isinstance(found, TextBlock) and '"a.txt"' in found.text and "private" not in found.text
    assert isinstance(inside, TextBlock) and '"sub/b.txt"' in inside.text


REFUSED: dict[str, tuple[bytes | None, str]] = {
    "missing.txt": (None, "there is no such file"),
    "empty.txt": (b"", "it is empty"),
    "all.zip": (b"PK\x03\x04\x00\x01", "application/zip is nothing a model reads"),
    "odd": (b"\x00\x01\xff", "it is no UTF-8 text"),
    "fake.pdf": (b"\x00no pdf\xff", "its content is not what its name says"),
    "fake.docx": (b"\xff\xfe\x00", "its content is not what its name says"),
    "latin.txt": (b"caf\xe9", "it is no UTF-8 text"),
}


@pytest.mark.parametrize(("name", "content", "why"), [(name, *rest) for name, rest in REFUSED.items()])
def test_what_no_model_reads_is_refused_with_the_reason(here: Path, name: str, content: bytes | None, why: str) -> None:
    if content is not None:
        (here / name).write_bytes(content)
    with pytest.raises(AppError) as refused:
        read_file(here / name)
    info = refused.value.info
    assert info.title == f"{name} cannot be attached"
    assert why in info.detail
    assert (info.kind, info.code) == (ErrorKind.USAGE, "bad_attachment")


def test_folders_and_pipes_are_not_read(here: Path) -> None:
    (here / "folder").mkdir()
    os.mkfifo(here / "pipe")
    for name, why in (("folder", "it is a folder"), ("pipe", "it is no ordinary file")):
        with pytest.raises(AppError, match=why):
            read_file(here / name)


def test_sizes_are_limited_by_kind_and_together(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TEXT_LIMIT_BYTES", 100)
    monkeypatch.setattr(limits, "IMAGE_LIMIT_BYTES", 200)
    monkeypatch.setattr(limits, "FILE_LIMIT_BYTES", 300)
    monkeypatch.setattr(limits, "ALL_LIMIT_BYTES", 400)
    (here / "long.txt").write_bytes(b"x" * 101)
    (here / "big.png").write_bytes(PNG + b"x" * 200)
    (here / "big.pdf").write_bytes(PDF + b"x" * 300)
    wanted = {
        "long.txt": "a text may have 100 B",
        "big.png": "an image may have 200 B",
        "big.pdf": "a file may have 300 B",
    }
    for name, why in wanted.items():
        with pytest.raises(AppError, match=why):
            read_file(here / name)
    for number in range(3):
        (here / f"{number}.pdf").write_bytes(PDF + b"x" * 100)
    assert len(read_files([here / "0.pdf", here / "1.pdf", here / "0.pdf"])) == 2
    with pytest.raises(AppError, match="together, 400 B is the most"):
        read_files([here / f"{number}.pdf" for number in range(3)])


def test_one_bad_file_refuses_all(here: Path) -> None:
    (here / "a.txt").write_text("x")
    with pytest.raises(AppError, match=r"gone\.txt cannot be attached"):
        read_files([here / "a.txt", here / "gone.txt"])


@pytest.mark.parametrize(
    ("pdf", "pages"),
    [
        (PDF, 2),
        (b"%PDF-1.7 /Type/ObjStm", None),
        (b"%PDF-1.7 /Pages /Count 7 /Count 3", 7),
        (b"/Type /PageLabel", None),
    ],
)
def test_pages_are_counted_where_a_pdf_says_them(pdf: bytes, pages: int | None) -> None:
    assert page_count(pdf) == pages


def test_names_come_from_the_end_of_a_uri() -> None:
    assert file_name("file:///a/my%20report.pdf?x=1", "application/pdf") == "my report.pdf"
    assert file_name("", "application/pdf") == "file.pdf"
    assert file_name("db://rows/", "audio/x-thing") == "rows"
    assert len(file_name("x:/" + "a" * 999, "")) == 120


def test_text_in_other_encodings_is_no_text() -> None:
    assert decoded(b"\xff\xfea\x00") == "a"
    assert decoded(b"\xff\xfea") is None
    assert decoded(b"a\x00b") is None
