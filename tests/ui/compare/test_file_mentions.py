"""`@path` in the prompt editor: found, completed, shown before it is sent, and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.ui.compare.file_mentions import attached_text, existing_files, file_candidates, possible_files
from tests.ui.doubles import stage

PDF = b"%PDF-1.7\n/Type /Page"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "report.pdf").write_bytes(PDF)
    (folder / "docs" / "my notes.md").write_text("hello")
    (folder / "a.txt").write_text("text of a")
    (folder / ".env").write_text("SECRET=1")
    monkeypatch.chdir(folder)
    return folder


def test_words_that_may_name_files_are_found() -> None:
    text = 'see @./a.txt, @docs/report.pdf and @"docs/my notes.md" by @alice (@fs:logs/x.log) me@x.org @b.'
    assert possible_files(text, {"fs"}) == ("docs/my notes.md", "./a.txt,", "docs/report.pdf", "b.")
    assert possible_files("@fs:logs/x.log", set()) == ("fs:logs/x.log",)


def test_only_what_is_there_or_can_be_nothing_else_counts(here: Path) -> None:
    assert existing_files(["./a.txt,", "docs/report.pdf", "no/such.file", "@/components/x", "a.txt"]) == (
        Path("a.txt"),
        Path("docs/report.pdf"),
    )
    for word in ("./gone.txt", "~/gone-for-sure.txt", f"{here}/gone.txt"):
        with pytest.raises(AppError, match="not found"):
            existing_files([word])
        assert existing_files([word], lenient=True) == ()
    assert existing_files(["/components/nowhere.ts", "x\x00y.txt", "~nobody-here/x.txt"]) == ()


def test_what_would_be_attached_is_put_in_words() -> None:
    assert attached_text(["docs/report.pdf"]) == "report.pdf 20 B"
    assert attached_text(["docs/report.pdf", "a.txt", "gone.txt"]) == "2 files 29 B"
    assert attached_text(["gone.txt"]) == ""


def test_paths_are_completed_folder_by_folder(here: Path) -> None:
    assert [c.insert for c in file_candidates("")] == ["@./a.txt", "@./docs/"]
    assert [c.insert for c in file_candidates("./docs/")] == ['@"./docs/my notes.md"', "@./docs/report.pdf"]
    assert [c.insert for c in file_candidates("docs/R")] == ["@docs/report.pdf"]
    assert [c.insert for c in file_candidates(".")] == ["@./.env"]
    assert file_candidates("nowhere/") == []
    assert [c.detail for c in file_candidates("./")] == ["9 B", "folder"]


def test_names_that_would_reach_the_terminal_are_not_offered(here: Path) -> None:
    (here / "x\x1b]0;t\x07.txt").write_text("x")
    (here / 'quo"te it.txt').write_text("x")
    assert [c.insert for c in file_candidates("")] == ["@./a.txt", "@./docs/"]


async def test_a_file_is_completed_shown_and_sent() -> None:
    async with stage() as s:
        pane = s.screen.prompt_pane
        await s.type("read @./d")
        await s.work_done()
        assert [c.insert for c in pane.completion.candidates] == ["@./docs/"]
        await s.press("enter")
        await s.work_done()
        assert pane.text == "read @./docs/"
        assert [c.insert for c in pane.completion.candidates] == ['@"./docs/my notes.md"', "@./docs/report.pdf"]
        await s.press("down", "enter")
        await s.work_done()
        assert pane.text == "read @./docs/report.pdf "
        assert "report.pdf 20 B" in str(pane.border_subtitle)
        await s.press("enter")
        await s.work_done()
        ((text, attachments, _),) = s.engine.run.sent
        assert text == "read @./docs/report.pdf "
        (attached,) = attachments
        assert attached.server == ""
        assert attached.result["contents"][0]["mimeType"] == "application/pdf"
        assert "report.pdf" not in str(pane.border_subtitle)


async def test_resources_come_before_files() -> None:
    async with stage() as s:
        await s.type("@")
        await s.work_done()
        found = [c.insert for c in s.screen.prompt_pane.completion.candidates]
        assert found == [
            "@fs:logs/error.log",
            "@fs:logs/access.log",
            "@fs:README.md",
            "@db:schema",
            "@./a.txt",
            "@./docs/",
        ]


async def test_a_path_that_leads_nowhere_sends_nothing_and_keeps_the_text() -> None:
    async with stage() as s:
        s.screen.prompt_pane.set_text("read @./gone.pdf")
        await s.settle()
        await s.press("enter")
        await s.work_done()
        assert s.engine.runs == []
        assert "@./gone.pdf not found" in s.shown()
        assert s.screen.prompt_pane.text == "read @./gone.pdf"


async def test_an_at_that_names_nothing_is_only_text() -> None:
    async with stage() as s:
        s.screen.prompt_pane.set_text("import x from '@/components/x.ts' says @alice.b")
        await s.settle()
        await s.press("enter")
        await s.work_done()
        ((text, attachments, _),) = s.engine.run.sent
        assert attachments == ()
        assert text.startswith("import x")
