from __future__ import annotations

import pytest

from mcp_tui.core.uri_template import expand, required, variables


@pytest.mark.parametrize(
    ("template", "values", "uri"),
    [
        ("file:///{name}", {"name": "a b/ü"}, "file:///a%20b%2F%C3%BC"),
        ("file:///{+path}", {"path": "a/b c"}, "file:///a/b%20c"),
        ("x{?q,limit}", {"q": "a&b", "limit": "5"}, "x?q=a%26b&limit=5"),
        ("x{?q,limit}", {"limit": "5"}, "x?limit=5"),
        ("x{?q}", {}, "x"),
        ("x?fixed=1{&q}", {"q": "2"}, "x?fixed=1&q=2"),
        ("{/a,b}", {"a": "1", "b": "2"}, "/1/2"),
        ("x{.ext}{#frag}", {"ext": "md", "frag": "s/1"}, "x.md#s/1"),
        ("x{;a,b}", {"a": "1", "b": ""}, "x;a=1;b"),
        ("{name:3}{list*}", {"name": "abcdef", "list": "z"}, "abcz"),
        ("plain{", {}, "plain{"),
    ],
)
def test_templates_expand_as_the_rfc_says(template: str, values: dict[str, str], uri: str) -> None:
    assert expand(template, values) == uri


def test_variables_are_named_once_and_query_ones_are_optional() -> None:
    template = "logs://{host}/{+path}{?tail,host}"
    assert variables(template) == ("host", "path", "tail")
    assert required(template) == {"host", "path"}
