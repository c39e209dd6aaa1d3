"""The benchmarks measure what they say, and the report says what was measured."""

from __future__ import annotations

import dataclasses
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.content import BLOCK, content, expected
from benchmarks.control import Control, ServerProcess
from benchmarks.curves import CURVES
from benchmarks.peers import PEERS
from benchmarks.results import Machine, Result, load, save
from benchmarks.run import SETTINGS, Environments, compile_ours, rounds
from benchmarks.summary import TARGETS, Target, Verdict, faces, merit, ratio, summaries
from benchmarks.workloads import BUCKET, WORKLOADS, Taken, WrongOutcomeError

MACHINE = Machine(
    "2026-11-24", 2, "processor", "Linux x86_64", "3.11.7", "abc", 0.1, {"boto3": "1.44"}, {"s3fs": "2026.9"}
)


def run(peer: str, *seconds: float, workload: str = "big", setting: str = "cpu", peak: int = 0) -> list[Result]:
    """Make up a run of so many seconds for each."""
    return [
        Result(
            kind="compare",
            setting=setting,
            workload=workload,
            peer=peer,
            round=number,
            count=1,
            size=2**20,
            seconds=each,
            peak=peak,
            requests={"GetObject": 7},
        )
        for number, each in enumerate(seconds)
    ]


def test_content_is_the_same_whichever_part_is_made() -> None:
    whole = content(3 * BLOCK + 5, 9)
    for start, stop in ((0, 3), (BLOCK - 1, BLOCK + 9), (2 * BLOCK, 3 * BLOCK + 5), (7, 7)):
        assert expected(9, start, stop) == whole[start:stop]
    assert content(3 * BLOCK + 5, 8) != whole


def test_our_modules_are_compiled_before_they_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.run.ROOT", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = tmp_path / "pyathena" / "module.py"
    module.parent.mkdir()
    module.write_text("")
    compile_ours()
    assert Path(cache_from_source(str(module))).exists()


def test_a_stream_with_a_piece_in_the_wrong_place_is_found_out() -> None:
    data = content(4 * BLOCK, 0)
    pieces = [data[start : start + BLOCK] for start in range(0, len(data), BLOCK)]
    for order in ([0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 2]):
        taken = Taken()
        for number in order:
            taken(pieces[number])
        if order == [0, 1, 2, 3]:
            taken.check(len(data))
        else:
            with pytest.raises(WrongOutcomeError):
                taken.check(len(data))


def test_medians_and_spread_are_over_the_runs_that_did_not_fail() -> None:
    failed = dataclasses.replace(run("aio", 0.0)[0], error="no more memory")
    found = summaries([*run("aio", 5.0, 1.0, 2.0, peak=10), failed])["cpu", "big", "aio"]
    assert (found.seconds, found.least, found.most, found.peak, found.requests) == (2.0, 1.0, 5.0, 10, 7)
    assert (found.runs, found.error) == (3, "no more memory")


def test_ratios_are_of_medians_and_absent_where_nothing_was_measured() -> None:
    found = summaries([*run("aio", 1.0, 2.0, 9.0, peak=3), *run("s3fs", 8.0, peak=6)])
    assert ratio(found, ("cpu", "big", "aio"), "s3fs") == 0.25
    assert ratio(found, ("cpu", "big", "aio"), "s3fs", peak=True) == 0.5
    assert ratio(found, ("cpu", "big", "aio"), "obstore") is None
    assert ratio(found, ("net", "big", "aio"), "s3fs") is None


def test_a_target_is_met_up_to_its_ratio() -> None:
    target = Target("big", "cpu", "s3fs", 0.4)
    assert [Verdict(target, measured).words for measured in (0.4, 0.5, None)] == [
        "met",
        "missed: 25% too much",
        "not measured",
    ]


def test_every_target_is_about_what_is_measured() -> None:
    assert len(set(TARGETS)) == 36
    for target in TARGETS:
        assert target.workload in WORKLOADS
        assert target.setting in SETTINGS
        assert target.peer in PEERS


def test_faces_are_compared_where_both_were_measured() -> None:
    found = summaries([*run("aio", 3.0), *run("sync", 2.0), *run("aio", 1.0, workload="ls")])
    assert faces(found) == {("cpu", "big"): 1.5}


def test_the_merit_of_a_value_is_its_mean_distance_from_the_best() -> None:
    assert merit([{8: 1.0, 16: 2.0}, {8: 8.0, 16: 4.0}, {8: 1.0, 16: 1.0}]) == pytest.approx(
        {8: 2 ** (1 / 3), 16: 2 ** (1 / 3)}
    )


def test_points_of_a_curve_are_of_workloads_that_exist() -> None:
    for curve in CURVES.values():
        assert curve.points
        assert {point.workload for point in curve.points} <= WORKLOADS.keys()


def test_results_are_read_as_they_were_saved(tmp_path: Path) -> None:
    results = run("aio", 1.0, 2.0)
    save(tmp_path / "results.jsonl", MACHINE)
    for each in results:
        save(tmp_path / "results.jsonl", [each])
    assert load(tmp_path / "results.jsonl") == (MACHINE, results)


def test_the_report_says_what_was_measured_and_what_was_missed() -> None:
    results = [*run("aio", 0.5, peak=2**20), *run("sync", 0.4), *run("s3fs", 1.0, peak=2**21)]
    results += [dataclasses.replace(run("pyarrow", 0.0)[0], error="cannot connect")]
    results += [dataclasses.replace(run("s3fs", 0.9)[0], kind="import", setting="", workload="")]
    block = CURVES["block"]
    curve = [
        dataclasses.replace(run("aio", seconds)[0], kind="block", at=at) for at, seconds in ((2**21, 2.0), (2**23, 1.0))
    ]
    text = report.write((MACHINE, results), (MACHINE, curve), "The socket.\n", {block.name: 2**23})
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert ["big, time", "cpu", "s3fs", "≤ 0.40", "0.50", "missed: 25% too much"] in cells
    assert ["big, peak memory", "cpu", "s3fs", "≤ 0.55", "0.50", "met"] in cells
    assert ["big", "cpu", "0.500", "0.400", "1.25"] in cells
    assert ["pyarrow", "failed: cannot connect", *["-"] * 7] in cells
    assert ["s3fs as it comes", "1.00", "1.00 - 1.00", "2.00", "0", "2.00", "7", "0", "0"] in cells
    assert cells[-2:] == [["2", "2.00", "2.00"], ["**8** (default)", "1.00", "1.00"]]
    assert "not on big (cpu, 1.25)" in text
    assert "## Why\n\nThe socket.\n" in text


def test_a_peer_is_measured_in_a_process_of_its_own() -> None:
    workload = dataclasses.replace(WORKLOADS["small"], count=20, size=100)
    environments = Environments(Path(sys.executable), None)
    with ServerProcess() as server:
        (result,) = rounds(environments, SETTINGS["cpu"], workload, [PEERS["aio"]], 1, server, None)
        assert Control(server.endpoint).keys(BUCKET) == 20
    assert (result.error, result.requests) == (None, {"GetObject": 20})
    assert result.seconds > 0
