"""An evaluation as JUnit XML, as continuous integration reads it: a testsuite per model, a testcase per attempt.

A report fails exactly when the command does: an attempt that failed although its case passed (`pass_rate`) is
`skipped` with its reason.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from mcp_tui.core.text import clean
from mcp_tui.runs.evals.results import Attempt, AttemptOutcome, Results, Verdict

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ANSWER_CHARS = 4000


def junit(results: Results) -> bytes:
    """A UTF-8 document that every XML parser reads, whatever models and servers wrote."""
    root = ElementTree.Element("testsuites", name=_text(results.suite.name))
    for model in results.models():
        suite = ElementTree.SubElement(root, "testsuite", name=_text(model))
        for verdict in results.verdicts:
            if verdict.model == model:
                for attempt in results.of(verdict):
                    _testcase(suite, results.suite.name, verdict, attempt)
        _count(suite)
    _count(root)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _testcase(suite: ElementTree.Element, name: str, verdict: Verdict, attempt: Attempt) -> None:
    of = f" [{attempt.number}/{verdict.attempts}]" if verdict.attempts > 1 else ""
    took_ms = 0.0 if attempt.response is None else float(attempt.response["duration_ms"] or 0)
    case = ElementTree.SubElement(
        suite, "testcase", classname=_text(name), name=_text(attempt.case) + of, time=f"{took_ms / 1000:.3f}"
    )
    if attempt.passed:
        return
    lines = [f"{check.check}: {check.detail}" for check in attempt.failures]
    if verdict.passed:
        tolerated = f"{verdict.passed_attempts} of {verdict.attempts} passed, {verdict.needed} needed"
        ElementTree.SubElement(case, "skipped", message=_text(f"failed, but {tolerated}: {lines[0]}"))
    else:
        tag = "failure" if attempt.outcome is AttemptOutcome.FAILED else "error"
        fault = ElementTree.SubElement(case, tag, message=_text(lines[0]), type=attempt.outcome.value)
        fault.text = _text("\n".join(lines))
    if attempt.response is not None and attempt.response["text"]:
        text = str(attempt.response["text"])
        cut = "…" if len(text) > _ANSWER_CHARS else ""
        ElementTree.SubElement(case, "system-out").text = _text(text[:_ANSWER_CHARS]) + cut


def _count(element: ElementTree.Element) -> None:
    """Attributes of a suite, or of all, from what is in it."""
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _text(text: str) -> str:
    """Clean, and only what XML allows."""
    return _NOT_XML.sub("", clean(text))
