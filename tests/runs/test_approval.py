from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config import save, state_file
from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.core.state import ApprovalPolicy, CallStatus, ColumnStatus, Decision, ToolHints
from mcp_tui.runs import approval
from mcp_tui.runs.approval import Ruling, program_of, ruling
from mcp_tui.runs.run import Run
from mcp_tui.store.approvals import KeptApprovals
from tests.builders import READ, tool
from tests.runs import approval_peer
from tests.runs.doubles import Stage, asks, result_texts, says, within

ASK, READONLY = ApprovalPolicy.ASK, ApprovalPolicy.READONLY


@pytest.mark.parametrize(
    ("policy", "read_only", "remembered", "headless", "expected"),
    [
        (ApprovalPolicy.AUTO, None, False, True, Ruling.RUN),
        (ApprovalPolicy.NEVER, True, True, False, Ruling.DENY),
        (ASK, True, False, False, Ruling.ASK),
        (ASK, True, False, True, Ruling.DENY),
        (ASK, None, True, False, Ruling.RUN),
        (READONLY, True, False, True, Ruling.RUN),
        (READONLY, None, False, False, Ruling.ASK),
        (READONLY, False, False, True, Ruling.DENY),
        (READONLY, False, True, False, Ruling.RUN),
    ],
)
def test_policies(
    policy: ApprovalPolicy, read_only: bool | None, remembered: bool, headless: bool, expected: Ruling
) -> None:
    subject = tool("t", hints=ToolHints(read_only=read_only))
    assert ruling(policy, subject, remembered=remembered, headless=headless) is expected


@pytest.mark.parametrize(
    ("policy", "read_only", "headless", "expected"),
    [
        (ASK, True, False, Ruling.RUN),
        (ASK, True, True, Ruling.RUN),
        (ASK, None, False, Ruling.ASK),
        (ASK, False, False, Ruling.ASK),
        (ApprovalPolicy.NEVER, True, False, Ruling.DENY),
    ],
)
def test_read_only_hint_of_a_trusted_server_is_believed(
    policy: ApprovalPolicy, read_only: bool | None, headless: bool, expected: Ruling
) -> None:
    subject = tool("t", hints=ToolHints(read_only=read_only))
    assert ruling(policy, subject, remembered=False, headless=headless, trusted=True) is expected


async def started(stage: Stage, *models: str) -> Run:
    run = stage.run(*models, approval=ASK)
    run.send("Go")
    await stage.until_pending(len(models))
    return run


async def test_identical_calls_of_columns_are_one_question_that_names_them() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {"x": "1", "y": 2})), says("A"))
        stage.model("b", asks(("t", {"y": 2, "x": "1"})), says("B"))
        run = await started(stage, "a", "b")
        (question,) = stage.desk.pending()
        assert question.columns == ("a/m", "b/m")
        assert (question.tool.name, question.arguments) == ("t", {"x": "1", "y": 2})
        assert run.status("c1") is ColumnStatus.APPROVAL
        assert stage.records("c1")[0].status is CallStatus.WAITING
        assert stage.servers.calls == []
        stage.desk.answer(question.id, Decision.ONCE)
        await within(run.wait())
        # Not read-only: every column runs its own.
        assert len(stage.servers.calls) == 2
        assert stage.desk.pending() == ()
        assert stage.desk.remembered() == ()


async def test_different_arguments_are_different_questions_oldest_first() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {"x": "1"}), ("t", {"x": "2"})), says("A"))
        run = stage.run("a", approval=ASK)
        run.send("Go")
        await stage.until_pending(2, questions=2)
        first, second = stage.desk.pending()
        assert (first.arguments, second.arguments) == ({"x": "1"}, {"x": "2"})
        stage.desk.answer(second.id, Decision.ONCE)
        await stage.until_pending(1)
        assert run.status("c1") is ColumnStatus.APPROVAL
        stage.desk.answer(first.id, Decision.DENY)
        await within(run.wait())
        assert [r.status for r in stage.records("c1")] == [CallStatus.DENIED, CallStatus.OK]


async def test_the_same_call_twice_in_one_column_is_two_questions() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("pay"))
        stage.model("a", asks(("pay", {"x": "1"}), ("pay", {"x": "1"})), says("A"))
        run = stage.run("a", approval=ASK)
        run.send("Go")
        await stage.until_pending(2, questions=2)
        first, second = stage.desk.pending()
        stage.desk.answer(first.id, Decision.ONCE)
        stage.desk.answer(second.id, Decision.DENY)
        await within(run.wait())
        assert len(stage.servers.calls) == 1


async def test_declined_call_is_told_to_the_model() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        provider = stage.model("a", asks(("t", {})), says("A pity"))
        run = await started(stage, "a")
        stage.desk.answer(stage.desk.pending()[0].id, Decision.DENY)
        await within(run.wait())
        assert stage.servers.calls == []
        assert "The person declined this call" in result_texts(provider.requests[1])[0]
        assert run.status("c1") is ColumnStatus.DONE


async def test_edited_arguments_are_run_and_told_to_the_model() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        provider = stage.model("a", asks(("t", {"x": "1"})), says("A"))
        run = await started(stage, "a")
        stage.desk.answer(stage.desk.pending()[0].id, Decision.ONCE, arguments={"x": "safe"})
        await within(run.wait())
        assert stage.servers.calls == [("s", "t", {"x": "safe"})]
        assert '{"x": "safe"}' in result_texts(provider.requests[1])[0]
        record = stage.records("c1")[0]
        assert record.arguments == {"x": "safe"}
        assert "edited" in record.note


async def test_always_is_remembered_and_answers_what_waits_for_the_same_tool() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.servers.add(tool("u"))
        stage.model("a", asks(("t", {"x": "1"})), asks(("t", {"x": "3"})), says("A"))
        stage.model("b", asks(("t", {"x": "2"})), says("B"))
        stage.model("c", asks(("u", {})), says("C"))
        run = stage.run("a", "b", "c", approval=ASK)
        run.send("Go")
        await stage.until_pending(3, questions=3)
        of_a = next(q for q in stage.desk.pending() if q.arguments == {"x": "1"})
        stage.desk.answer(of_a.id, Decision.ALWAYS, arguments={"x": "edited"})
        await stage.until_status("c1", ColumnStatus.DONE)
        await stage.until_status("c2", ColumnStatus.DONE)
        assert sorted(arguments["x"] for _, _, arguments in stage.servers.calls) == ["2", "3", "edited"]
        assert [t.tool for t in stage.desk.remembered()] == ["t"]
        (left,) = stage.desk.pending()
        assert left.tool.name == "u"
        run.cancel("c3")
        await within(run.wait())


async def test_changed_definition_asks_again() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t", digest="one"))
        stage.model("a", asks(("t", {})), says("A"), asks(("t", {})), says("A"))
        run = await started(stage, "a")
        stage.desk.answer(stage.desk.pending()[0].id, Decision.ALWAYS)
        await within(run.wait())
        stage.servers.add(tool("t", digest="two"))
        run.send("Again")
        await stage.until_pending(1)
        assert stage.desk.pending()[0].tool.digest == "two"
        stage.desk.answer(stage.desk.pending()[0].id, Decision.ONCE)
        await within(run.wait())
        assert len(stage.servers.calls) == 2


async def test_definition_changed_while_the_person_reads_asks_again() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t", digest="one"))
        stage.model("a", asks(("t", {})), says("A"))
        run = await started(stage, "a")
        (first,) = stage.desk.pending()
        stage.servers.add(tool("t", digest="two"))
        stage.desk.answer(first.id, Decision.ONCE)
        await stage.until(lambda _: any(q.tool.digest == "two" for q in stage.desk.pending()))
        await stage.until_pending(1)
        (second,) = stage.desk.pending()
        assert second.id != first.id and stage.servers.calls == []
        stage.desk.answer(second.id, Decision.DENY)
        await within(run.wait())
        assert stage.servers.calls == []


async def test_forgotten_tool_asks_again() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"), asks(("t", {})), says("A"))
        run = await started(stage, "a")
        stage.desk.answer(stage.desk.pending()[0].id, Decision.ALWAYS)
        await within(run.wait())
        stage.desk.forget("s", "t")
        run.send("Again")
        await stage.until_pending(1)
        run.cancel()
        await within(run.wait())


async def test_cancelled_column_withdraws_from_the_question() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"))
        stage.model("b", asks(("t", {})), says("B"))
        run = await started(stage, "a", "b")
        run.cancel("c1")
        await stage.until_pending(1)
        assert stage.desk.pending()[0].columns == ("b/m",)
        run.cancel("c2")
        await within(run.wait())
        assert stage.desk.pending() == ()
        assert stage.servers.calls == []


async def test_late_and_unknown_answers_are_ignored() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"))
        run = await started(stage, "a")
        (question,) = stage.desk.pending()
        stage.desk.answer(question.id, Decision.DENY)
        stage.desk.answer(question.id, Decision.ALWAYS)
        stage.desk.answer("q99", Decision.ALWAYS)
        await within(run.wait())
        assert stage.servers.calls == [] and stage.desk.remembered() == ()


async def test_subscriber_is_called_once_per_burst_and_no_more_after_the_undo() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        calls: list[int] = []
        undo = stage.desk.subscribe(lambda: calls.append(len(stage.desk.pending())))
        stage.model("a", asks(("t", {"x": "1"}), ("t", {"x": "2"})), says("A"))
        run = stage.run("a", approval=ASK)
        run.send("Go")
        await stage.until_pending(2, questions=2)
        assert calls == [2]
        undo()
        run.cancel()
        await within(run.wait())
        await asyncio.sleep(0)
        assert calls == [2]


async def test_headless_denies_and_reports_what_would_ask() -> None:
    async with Stage(headless=True) as stage:
        stage.servers.add(tool("look", hints=READ))
        stage.servers.add(tool("write"))
        provider = stage.model("a", asks(("look", {}), ("write", {})), says("A"))
        run = stage.run("a", approval=READONLY)
        run.send("Go")
        await within(run.wait())
        assert [name for _, name, _ in stage.servers.calls] == ["look"]
        assert "policy (readonly) does not allow s.write" in result_texts(provider.requests[1])[1]
        (notice,) = stage.notices
        assert "s.write" in notice.detail and "a/m" in notice.detail
        assert notice.code == "denied"


async def test_waiting_for_the_person_does_not_count_against_the_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    real_time, ahead_s = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: real_time() + ahead_s[0])
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"))
        run = stage.run("a", approval=ASK, time_limit_s=50.0)
        run.send("Go")
        await stage.until_pending(1)
        ahead_s[0] = 1000.0
        # Two ticks: timers that are due fire in the first, what they cancel ends in the second.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert run.status("c1") is ColumnStatus.APPROVAL
        stage.desk.answer(stage.desk.pending()[0].id, Decision.ONCE)
        await run.wait()
        assert run.status("c1") is ColumnStatus.DONE


async def test_what_is_kept_runs_without_asking_after_a_restart_and_only_for_that_program(tmp_path: Path) -> None:
    path = tmp_path / "approvals.json"
    async with Stage(kept=KeptApprovals(path)) as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"))
        run = await started(stage, "a")
        stage.desk.answer(stage.desk.pending()[0].id, Decision.KEEP)
        await within(run.wait())
    kept = KeptApprovals(path)
    assert [(one.server, one.tool) for one in kept.all()] == [("s", "t")]
    async with Stage(kept=kept) as stage:
        assert stage.desk.remembers(tool("t"))
        assert not stage.desk.remembers(tool("t", digest="two"))
        assert [(one.tool, one.since is not None, one.current) for one in stage.desk.remembered()] == [
            ("t", True, True)
        ]
        stage.desk.servers_changed((), {"s"}, {"s": "another"})
        assert not stage.desk.remembers(tool("t"))
        assert [one.current for one in stage.desk.remembered()] == [False]
        stage.desk.forget("s", "t")
        assert stage.desk.remembered() == ()
    assert KeptApprovals(path).all() == ()


async def test_what_is_kept_says_nothing_to_scripts(tmp_path: Path) -> None:
    kept = KeptApprovals(tmp_path / "approvals.json")
    kept.keep("s", "t", "s/t", "program")
    async with Stage(kept=kept, headless=True) as stage:
        assert not stage.desk.remembers(tool("t"))


async def test_an_approval_that_cannot_be_saved_counts_until_the_end_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "approvals.json").mkdir()
    async with Stage(kept=KeptApprovals(tmp_path / "approvals.json")) as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"))
        run = await started(stage, "a")
        stage.desk.answer(stage.desk.pending()[0].id, Decision.KEEP)
        await within(run.wait())
        await stage.desk.saved()
        assert stage.desk.remembers(tool("t"))
        assert "counts until you quit" in stage.notices[0].hint


@pytest.mark.parametrize(
    "change",
    [{"command": "other"}, {"args": ("-x",)}, {"cwd": "/elsewhere"}, {"entry": {"command": "c", "env": {"URL": "b"}}}],
)
def test_another_program_under_the_same_name_is_another_program(change: dict[str, Any]) -> None:
    entry = {"command": "c", "env": {"URL": "${URL}"}}
    spec = ServerSpec("s", Origin("test"), command="c", entry=entry if "entry" in change else None)
    assert program_of(spec) != program_of(replace(spec, **change))
    assert program_of(spec) == program_of(replace(spec, env={"URL": "expanded"}, trusted=True, call_timeout_s=1))


async def test_what_another_dashboard_says_counts_from_the_next_call_on(tmp_path: Path) -> None:
    path = tmp_path / "approvals.json"
    async with Stage(kept=KeptApprovals(path)) as one, Stage(kept=KeptApprovals(path)) as two:
        for stage in (one, two):
            stage.servers.add(tool("t"))
            stage.model("a", *[asks(("t", {})), says("A")] * 4)
        run = await started(one, "a")
        one.desk.answer(one.desk.pending()[0].id, Decision.KEEP)
        await within(run.wait())
        await one.desk.saved()
        for stage in (two, one):
            run = stage.run("a", approval=ASK)
            run.send("Go")
            await within(run.wait())
            assert [record.status for record in stage.records("c1")] == [CallStatus.OK]
        two.desk.forget("s", "t")
        await two.desk.saved()
        for stage in (one, two):
            run = await started(stage, "a")
            assert run.status("c1") is ColumnStatus.APPROVAL
            stage.desk.answer(stage.desk.pending()[0].id, Decision.DENY)
            await within(run.wait())
        assert one.desk.remembered() == two.desk.remembered() == ()


async def test_until_you_quit_is_a_word_of_this_dashboard_alone(tmp_path: Path) -> None:
    path = tmp_path / "approvals.json"
    async with Stage(kept=KeptApprovals(path)) as one, Stage(kept=KeptApprovals(path)) as two:
        one.servers.add(tool("t"))
        one.model("a", asks(("t", {})), says("A"))
        run = await started(one, "a")
        one.desk.answer(one.desk.pending()[0].id, Decision.ALWAYS)
        await within(run.wait())
        two.desk.forget("s", "t")
        await two.desk.saved()
        await two.desk.refresh()
        await one.desk.refresh()
        assert one.desk.remembers(tool("t"))
        assert not two.desk.remembers(tool("t"))


async def test_an_approval_that_cannot_be_taken_back_on_disk_asks_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(save, "LOCK_S", 0.05)
    path = tmp_path / "approvals.json"
    KeptApprovals(path).keep("s", "t", "d1", "program")
    async with Stage(kept=KeptApprovals(path)) as stage:
        assert stage.desk.remembers(tool("t", digest="d1"))
        with save.locked(path):
            stage.desk.forget("s", "t")
            await stage.desk.saved()
        assert "asks again until you quit" in stage.notices[0].hint
        assert "is in use" in stage.notices[0].detail
        await stage.desk.refresh()
        assert not stage.desk.remembers(tool("t", digest="d1"))
        assert stage.desk.remembered() == ()


async def test_a_disk_that_does_not_answer_makes_every_tool_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "LOCK_S", 0.05)
    gate = threading.Event()
    kept = KeptApprovals(tmp_path / "approvals.json")
    kept.keep("s", "t", "d1", "program")
    async with Stage(kept=kept) as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"))
        monkeypatch.setattr(kept, "refresh", lambda: gate.wait(30))
        run = await started(stage, "a")
        assert run.status("c1") is ColumnStatus.APPROVAL
        gate.set()
        stage.desk.answer(stage.desk.pending()[0].id, Decision.DENY)
        await within(run.wait())


async def test_a_disk_that_does_not_take_an_approval_holds_up_no_other_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "PATIENCE_S", 0.05)
    gate = threading.Event()
    kept = KeptApprovals(tmp_path / "approvals.json")
    async with Stage(kept=kept) as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("A"))

        def forget(server: str, name: str) -> bool:
            return gate.wait(30)

        monkeypatch.setattr(kept, "forget", forget)
        stage.desk.forget("s", "other")
        try:
            run = await within(started(stage, "a"))
            assert run.status("c1") is ColumnStatus.APPROVAL
            await within(stage.desk.saved())
            assert "Nothing within" in stage.notices[0].detail
        finally:
            gate.set()
        stage.desk.answer(stage.desk.pending()[0].id, Decision.DENY)
        await within(run.wait())


async def test_two_processes_agree_about_what_runs_without_asking() -> None:
    peer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.runs.approval_peer", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert peer.stdin is not None and peer.stdout is not None
    stdin, stdout = peer.stdin, peer.stdout

    async def there(word: str = "") -> str:
        if word:
            stdin.write(f"{word}\n".encode())
        return (await asyncio.wait_for(stdout.readline(), 60)).decode().strip()

    try:
        assert await there() == "ready"
        async with approval_peer.new_engine() as here:
            assert await approval_peer.call(here) == "asked"
            assert await there(Decision.KEEP) == "asked"
            assert await approval_peer.call(here) == "ran", "given there"
            here.approvals.forget("demo", "t")
            await here.approvals.saved()
            assert await there(Decision.ONCE) == "asked", "taken back here"
            assert await approval_peer.call(here, Decision.KEEP) == "asked"
            assert await there(Decision.ONCE) == "ran"
            assert await there("forget") == "forgotten"
            assert await approval_peer.call(here) == "asked"
    finally:
        stdin.close()
        await asyncio.wait_for(peer.wait(), 60)
