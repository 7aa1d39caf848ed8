"""Folders that servers may know of: as written, as sent."""

from __future__ import annotations

from tests.config.conftest import Machine, named


def test_roots_of_an_entry_and_of_the_defaults(machine: Machine) -> None:
    machine.own(
        '[defaults]\nroots = ["~/proj", "sub/../lib dir", "file:///srv/x"]\n'
        '[servers.one]\ncommand = "a"\n'
        '[servers.own]\ncommand = "a"\nroots = ["/srv/shop"]\n'
        '[servers.none]\ncommand = "a"\nroots = []\n'
    )
    config = machine.load()
    assert config.problems == ()
    home, here = machine.home.as_uri(), machine.project.as_uri()
    assert config.defaults.roots == (f"{home}/proj", f"{here}/lib%20dir", "file:///srv/x")
    assert named(config, "one").roots == config.defaults.roots
    assert named(config, "own").roots == ("file:///srv/shop",)
    assert named(config, "none").roots == ()


def test_a_bad_root_is_a_problem_of_that_entry_alone(machine: Machine) -> None:
    machine.own(
        '[servers.web]\ncommand = "a"\nroots = ["https://example.com/"]\n'
        '[servers.text]\ncommand = "a"\nroots = "/srv"\n'
        '[servers.good]\ncommand = "a"\nroots = ["/srv"]\n'
    )
    config = machine.load()
    web, text = named(config, "web").problem, named(config, "text").problem
    assert web is not None
    assert "neither a path nor a file:// address" in web.detail
    assert text is not None
    assert "`roots` must be a list" in text.detail
    assert named(config, "good").problem is None


def test_without_roots_nothing_is_said(machine: Machine) -> None:
    machine.own('[servers.one]\ncommand = "a"\n')
    assert named(machine.load(), "one").roots is None
