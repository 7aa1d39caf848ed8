from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.store.model_lists import ModelList, load, save

LISTS = {"acme": ModelList("openai-chat https://a.example", 5.0, (("m", 4096, 0.5, None), ("é/2", None, None, None)))}


def test_lists_come_back(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "models.json"
    assert load(path) == {}
    save(path, LISTS)
    assert load(path) == LISTS


@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b"{", b'{"a": 3}', b'{"a": {"address": "x", "asked_at": "y", "models": []}}', b"[" * 100_000,
     b'{"a": {"address": "x", "asked_at": 1, "models": [["m"]]}}'],
)  # fmt: skip
def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "models.json"
    path.write_bytes(content)
    assert load(path) == {}


def test_a_disk_that_refuses_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    save(tmp_path / "cache" / "models.json", LISTS)
    assert load(tmp_path / "cache" / "models.json") == {}


def test_absurdly_long_lists_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    save(path, {"a": ModelList("x", 1.0, tuple((f"m{n}", None, None, None) for n in range(6_000)))})
    assert len(load(path)["a"].models) == 5_000
