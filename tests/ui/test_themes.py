from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.ui.themes import DEFAULT_THEME, ThemeError, load_file, load_folder, shipped_folder


def test_five_themes_are_shipped() -> None:
    themes, problems = load_folder(shipped_folder())
    assert problems == []
    assert set(themes) == {"midnight", "ember", "paper", "contrast", "terminal"}
    assert DEFAULT_THEME in themes
    assert not themes["paper"].dark
    assert themes["terminal"].ansi


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('primary = "#12', "bad.toml"),
        ('primry = "#112233"', "primry"),
        ('primary = "nocolour"', "primary"),
        ("primary = 5", "primary"),
        ('name = "x"', "primary is missing"),
        ('primary = "#112233"\ndark = "yes"', "dark"),
    ],
)
def test_bad_theme_names_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ThemeError) as caught:
        load_file(path)
    assert named in caught.value.info.line()
    assert "bad.toml" in caught.value.info.line()


def test_bad_theme_leaves_the_others_usable(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('primary = "#112233"')
    (tmp_path / "b.toml").write_text("primary = ")
    themes, problems = load_folder(tmp_path)
    assert set(themes) == {"a"}
    assert len(problems) == 1


def test_missing_folder_is_empty(tmp_path: Path) -> None:
    assert load_folder(tmp_path / "none") == ({}, [])
