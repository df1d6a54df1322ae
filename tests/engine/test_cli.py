import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediamill.engine.registry import Registry
from mediamill.protocol import version
from mediamill.protocol.errors import CODES

FAULTS = Path(__file__).parents[1] / "faults"
PHOTO = FAULTS.parents[1] / "fixtures" / "rocket.jpg"
COMMAND = [sys.executable, "-m", "mediamill.engine"]
HEAVY = ("pyvips", "av", "numpy", "PIL", "pikepdf", "rich", "simplejpeg", "piexif", "mozjpeg_lossless_optimization")
SHIPPED = Registry().names
WAIT = 60

PLAIN = """
from mediamill.operations.contract import Plan, Target
from mediamill.protocol.errors import CorruptInput
from mediamill.protocol.job import Job, Source
import os
from typing import Annotated, Literal
from msgspec import Meta

SUMMARY = "Copy bytes."
EXAMPLE = {"operation": "copy", "input": "a.txt"}

class Params(Job, frozen=True, kw_only=True, tag="copy"):
    input: Source
    output: str | None = None
    output_dir: str | None = None
    in_place: bool = False
    inline: bool = False
    angle: Annotated[Literal[0, 90], Meta(description="An angle, 100% free.")] = 0
    times: Annotated[int, Meta(ge=1, le=3, description="How often.")] = 1
    names: list[str] = []
    sizes: list[int] = []
    share: float | Literal["auto"] = "auto"

def plan(params, ctx):
    path = params.output or os.path.join(params.output_dir or ".", ctx.read(params.input).name + ".copy")
    return Plan(targets=(Target(path=path, format="text", width=3, height=2),))

def run(params, ctx):
    data = ctx.read(params.input).data
    if data == b"bad":
        raise CorruptInput("It is bad.")
    for target in ctx.claim(plan(params, ctx)):
        ctx.write(target, data * params.times)
    return {"angle": params.angle, "names": params.names, "sizes": params.sizes, "share": params.share}
"""

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a command in an empty folder, with the faults and `copy` among the operations."""
    folder = tmp_path / ".operations"
    folder.mkdir()
    (folder / "copy.py").write_text(PLAIN)
    (tmp_path / "work").mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAMILL_")}

    def command(
        *arguments: str, stdin: str | bytes | int = b"", env: dict[str, str] | None = None, **options: Any
    ) -> Done:
        given = (
            {"stdin": stdin}
            if isinstance(stdin, int)
            else {"input": stdin if isinstance(stdin, bytes) else stdin.encode()}
        )
        done = subprocess.run(
            [*COMMAND, *arguments],
            **{"stdout": subprocess.PIPE, **given, **options},
            stderr=subprocess.PIPE,
            cwd=tmp_path / "work",
            env=clean | {"MEDIAMILL_OPERATIONS_PATH": f"{FAULTS}{os.pathsep}{folder}"} | (env or {}),
            timeout=WAIT,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()
        )

    return command


@pytest.fixture
def work(tmp_path: Path, run: Run) -> Path:
    """Return the folder commands run in."""
    return tmp_path / "work"


def lines(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


class TestHelp:
    """What people see who do not know yet."""

    def test_version(self, run: Run) -> None:
        done = run("--version")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"mediamill {version.ENGINE} (protocol {version.PROTOCOL})\n"

    @pytest.mark.parametrize("word", ["--help", "-h", "help"])
    def test_help_lists_commands_operations_and_examples(self, run: Run, word: str) -> None:
        done = run(word)
        assert done.returncode == 0
        for command in ("process", "batch", "caps", "schema", "doctor", "--version", "--resume"):
            assert command in done.stdout
        for name in [*SHIPPED, "noop", "copy"]:
            assert re.search(rf"^  {name} +[A-Z].*\.$", done.stdout, re.MULTILINE), name
        examples = done.stdout.partition("examples:")[2].partition("operations:")[0].strip().splitlines()
        assert len(examples) >= 3
        assert "polluter" not in done.stdout.partition("operations:")[0]

    @pytest.mark.parametrize("command", ["stream", "process", "batch", "caps", "schema", "doctor", "copy"])
    def test_each_command_explains_itself(self, run: Run, command: str) -> None:
        done = run(command, "--help")
        assert done.returncode == 0
        assert f"usage: mediamill {command}" in done.stdout

    def test_an_operations_flags_come_from_its_declaration(self, run: Run) -> None:
        text = " ".join(run("copy", "--help").stdout.split())
        assert "Copy bytes." in text
        assert "--angle NAME An angle, 100% free. One of 0, 90. Default: 0." in text
        assert "--times N How often. Default: 1." in text
        assert "--in-place, --no-in-place" in text
        assert "--names A,B" in text
        assert "--share X" in text or "--share NAME" in text
        assert '{"operation":"copy","input":"a.txt"}' in text
        assert "--meta" not in text

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["proces"], "unknown command 'proces'. Did you mean 'process'?"),
            (["nop"], "unknown command 'nop'. Did you mean 'noop'?"),
            (["resise"], "Did you mean 'resize'?"),
            (["zzzzzz"], "unknown command 'zzzzzz'.\n"),
            (["--versoin"], "Did you mean '--version'?"),
            (["schema", "nop"], "unknown operation 'nop'. Did you mean 'noop'?"),
            (["schema", "zzzzzz"], "unknown operation 'zzzzzz'.\n"),
            (["caps", "--worker", "2"], "Did you mean --workers?"),
            (["stream", "--graec=1"], "Did you mean --grace?"),
            (["copy", "a", "--tims", "2"], "Did you mean --times?"),
            (["copy", "a", "--zzzzzz"], "unrecognized arguments: --zzzzzz\n"),
            (["copy"], "INPUT"),
            (["batch"], "--file"),
            (["process"], "--job"),
            (["batch", "--fiel", "x", "--file", "x"], "Did you mean --file?"),
            (["caps", "--workers", "many"], "Invalid value for 'workers': expected integer 0..256"),
            (["caps", "--roots"], "--roots"),
            (["caps", "--operations-path", "/none"], "'/none' does not exist"),
        ],
    )
    def test_what_is_mistyped_is_answered_with_what_was_meant(self, run: Run, arguments: list[str], words: str) -> None:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
        assert "Traceback" not in done.stderr

    def test_without_arguments_a_terminal_gets_the_help(self, run: Run) -> None:
        ours, theirs = pty.openpty()
        done = run(stdin=theirs)
        os.close(ours)
        os.close(theirs)
        assert done.returncode == 0
        assert done.stdout.startswith("mediamill makes media small and right")


class TestProcess:
    """`process`: one job, one result line, an exit status."""

    @pytest.mark.parametrize(
        ("job", "status", "code"),
        [
            ('{"operation":"noop"}', 0, None),
            (' {"operation":"noop"}\n', 0, None),
            ('{"operation":"copy","input":"none"}', 1, "input_not_found"),
            ('{"operation":"noop","n":"x"}', 2, "invalid_job"),
            ('{"operation":"nop"}', 2, "unknown_operation"),
            ('{"operation":"noop"', 2, "invalid_json"),
            ("", 2, "invalid_json"),
            ("[]", 2, "invalid_json"),
            ('{"control":"ping"}', 2, "invalid_job"),
            ('{"operation":"unpicklable"}', 70, "internal"),
            ('{"operation":"bulky","kind":"object"}', 70, "internal"),
            ('{"operation":"crash","timeout_ms":60000}', 1, "worker_crashed"),
            ('{"operation":"hang","timeout_ms":300}', 1, "timeout"),
        ],
    )
    def test_the_exit_status_is_that_of_the_code(self, run: Run, job: str, status: int, code: str | None) -> None:
        done = run("process", "--job", job)
        (result,) = lines(done)
        assert done.returncode == status, done
        assert result["success"] is (code is None)
        assert result.get("error_info", {}).get("code") == code
        assert status == (CODES[code].exit_status if code else 0)

    @pytest.mark.parametrize(("job", "status"), [('{"operation":"noop"}\n', 0), ('{"operation":"nop"}', 2), ("", 2)])
    def test_a_dash_reads_the_job_from_stdin(self, run: Run, job: str, status: int) -> None:
        done = run("process", "--job", "-", stdin=job)
        assert (done.returncode, lines(done)[0]["success"]) == (status, status == 0)

    def test_the_job_may_have_many_lines_and_a_bom(self, run: Run) -> None:
        done = run("process", "--job", "-", stdin=b'\xef\xbb\xbf{\n"operation": "noop",\r\n"n": 3\n}\n')
        assert lines(done)[0]["metadata"]["n"] == 3

    def test_settings_are_flags_before_and_after(self, run: Run, work: Path) -> None:
        (work / "a").write_bytes(b"0123456789")
        job = '{"operation":"copy","input":"a","output":"b"}'
        for arguments in (["--max-input-bytes", "9", "--job", job], [f"--job={job}", "--max-input-bytes=9"]):
            done = run("process", *arguments)
            assert (done.returncode, lines(done)[0]["error_info"]["code"]) == (1, "limit_exceeded")
        assert run("process", "--job", job).returncode == 0

    def test_a_wrong_setting_is_told_and_no_job_runs(self, run: Run) -> None:
        for env in ({"MEDIAMILL_WORKERS": "many"}, {"MEDIAMILL_WORKRES": "2"}, {"MEDIAMILL_OPERATIONS_PATH": "/none"}):
            done = run("process", "--job", '{"operation":"noop"}', env=env)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("mediamill: ")
            assert "Traceback" not in done.stderr

    def test_nothing_but_the_result_is_on_stdout(self, run: Run) -> None:
        done = run("process", "--job", '{"operation":"polluter","child":true}')
        (result,) = lines(done)
        assert (result["operation"], result["success"]) == ("polluter", True)
        assert "polluter: descriptor 1" in done.stderr

    def test_a_batch_runs_its_jobs_in_workers(self, run: Run) -> None:
        jobs = [{"operation": "noop", "n": n} for n in range(3)]
        (result,) = lines(run("process", "--job", json.dumps({"operation": "batch", "jobs": jobs})))
        assert result["metadata"]["jobs_succeeded"] == 3

    def test_bytes_of_a_name_that_is_no_text_may_be_typed(self, run: Run, work: Path) -> None:
        done = run("process", "--job", os.fsdecode(b'{"operation":"copy","input":"caf\xe9"}'))
        assert (done.returncode, lines(done)[0]["error_info"]["code"]) == (2, "invalid_json")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_the_job_with_its_result_and_leaves_nothing(
        self, run: Run, work: Path, tmp_path: Path, number: int
    ) -> None:
        (tmp_path / ".operations" / "kill.py").write_text(
            PLAIN.replace("copy", "kill").replace("    return {", f"    os.kill(os.getpid(), {number})\n    return {{")
        )
        (work / "a").write_bytes(b"x")
        done = run("process", "--job", '{"operation":"kill","input":"a","output":"new/b"}')
        assert (done.returncode, lines(done)[0]["error_info"]["code"]) == (128 + number, "cancelled")
        assert os.listdir(work) == ["a"]
        done = run("kill", "a", "--output", "new/b")
        assert done.returncode == 128 + number
        assert os.listdir(work) == ["a"]


class TestLostOutput:
    """Where stdout takes nothing, the exit status is 74 and nobody sees a trace."""

    COMMANDS = (
        ["process", "--job", '{"operation":"noop"}'],
        ["caps"],
        ["schema", "noop"],
        ["--version"],
        ["--help"],
        ["noop"],
        ["noop", "--json"],
        ["batch", "--file", "-"],
        ["stream"],
    )

    @pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
    def test_a_full_disk(self, run: Run, arguments: list[str]) -> None:
        with open("/dev/full", "wb") as full:
            done = run(*arguments, stdin='{"operation":"noop"}\n', stdout=full)
        assert done.returncode == 74
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
    def test_a_closed_stdout(self, run: Run, arguments: list[str]) -> None:
        done = run(*arguments, stdin='{"operation":"noop"}\n', stdout=None, preexec_fn=lambda: os.close(1))
        assert done.returncode == 74
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "status"),
        [(["process", "--job", '{"operation":"noop"}'], 74), (["noop", "--json"], 74), (["caps"], 0), (["--help"], 0)],
    )
    def test_a_reader_that_went_away(self, run: Run, arguments: list[str], status: int) -> None:
        reads, writes = os.pipe()
        os.close(reads)
        done = run(*arguments, stdout=writes)
        os.close(writes)
        assert done.returncode == status
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr

    @pytest.mark.parametrize("descriptor", [0, 2])
    @pytest.mark.parametrize("arguments", [["process", "--job", '{"operation":"noop"}'], ["noop", "--json"], ["caps"]])
    def test_a_closed_stdin_or_stderr_does_not_matter(self, run: Run, arguments: list[str], descriptor: int) -> None:
        done = run(*arguments, preexec_fn=lambda: os.close(descriptor))
        assert done.returncode == 0
        assert json.loads(done.stdout)


def batch_of(*jobs: dict[str, Any], array: bool = False) -> str:
    return json.dumps(jobs) if array else "".join(json.dumps(job) + "\n" for job in jobs)


def numbers(results: list[dict[str, Any]]) -> list[int]:
    return [result["metadata"]["n"] for result in results]


class TestBatch:
    """`batch`: a file of jobs."""

    @pytest.mark.parametrize("array", [True, False])
    def test_an_array_gives_an_array_and_lines_give_lines_in_order(self, run: Run, work: Path, array: bool) -> None:
        (work / "jobs").write_text(batch_of(*({"operation": "noop", "n": n} for n in range(20)), array=array))
        done = run("batch", "--file", "jobs")
        results = json.loads(done.stdout) if array else lines(done)
        assert (done.returncode, numbers(results)) == (0, list(range(20)))

    def test_an_array_is_in_order_whatever_ids_its_jobs_have(self, run: Run) -> None:
        jobs = [{"operation": "noop", "n": n, "id": n} for n in range(20)]
        assert numbers(json.loads(run("batch", "--file", "-", stdin=batch_of(*jobs, array=True)).stdout)) == list(
            range(20)
        )

    def test_lines_with_ids_come_as_they_finish(self, run: Run) -> None:
        jobs = [{"operation": "noop", "n": n, "id": f"j{n}"} for n in range(20)]
        results = lines(run("batch", "--file", "-", stdin=batch_of(*jobs)))
        assert {result["id"]: result["metadata"]["n"] for result in results} == {f"j{n}": n for n in range(20)}

    @pytest.mark.parametrize(
        ("data", "stdout"), [("", ""), ("\n\n", ""), ("[]", "[]\n"), (" \n[ ]\n", "[]\n"), ("\ufeff[]", "[]\n")]
    )
    def test_an_empty_file_gives_nothing(self, run: Run, data: str, stdout: str) -> None:
        done = run("batch", "--file", "-", stdin=data)
        assert (done.returncode, done.stdout) == (0, stdout)

    @pytest.mark.parametrize("array", [True, False])
    def test_a_job_that_fails_is_told_and_the_others_go_on(self, run: Run, array: bool) -> None:
        jobs = [{"operation": "noop", "n": 1}, {"operation": "nop"}, {"control": "ping"}, {"operation": "noop", "n": 2}]
        done = run("batch", "--file", "-", stdin=batch_of(*jobs, array=array))
        results = json.loads(done.stdout) if array else lines(done)
        assert done.returncode == 1
        assert [result["success"] for result in results] == [True, False, False, True]
        assert [result["error_info"]["code"] for result in results[1:3]] == ["unknown_operation", "invalid_job"]

    def test_a_line_that_is_no_job_costs_that_line(self, run: Run) -> None:
        data = 'no json\n{"operation":"noop"}\n' + "x" * 2000 + '\n{"operation":"noop"}'
        done = run("batch", "--file", "-", "--max-line-bytes", "1024", stdin=data)
        codes = [result.get("error_info", {}).get("code") for result in lines(done)]
        assert codes == ["invalid_json", None, "line_too_long", None]

    @pytest.mark.parametrize("data", ["[", "[{]", '[{"operation":"noop"}', "[1] x", "[" * 100_000, b"[\xff]"])
    def test_an_array_that_is_none_is_refused_whole(self, run: Run, data: str | bytes) -> None:
        done = run("batch", "--file", "-", stdin=data)
        assert (done.returncode, done.stdout) == (2, "")
        assert "The file is not a JSON array of jobs" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_with_whole_results_and_no_temporary_file(
        self, run: Run, work: Path, number: signal.Signals
    ) -> None:
        slow = {"operation": "writer", "output_dir": ".", "outputs": 1000, "between_ms": 50}
        (work / "jobs").write_text(batch_of(*({**slow, "seed": n} for n in range(3)), array=True))
        with subprocess.Popen(
            [*COMMAND, "batch", "--file", "jobs"],
            cwd=work,
            env=os.environ | {"MEDIAMILL_OPERATIONS_PATH": str(FAULTS)},
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout
            while process.poll() is None and not any(work.glob(".mm-*")):
                time.sleep(0.01)
            process.send_signal(number)
            results = json.loads(process.stdout.read())
        assert process.returncode == 128 + number
        assert {result["error_info"]["code"] for result in results} <= {"cancelled", "shutting_down"}
        assert os.listdir(work) == ["jobs"]

    def test_a_file_that_is_not_there_is_told(self, run: Run) -> None:
        done = run("batch", "--file", "none")
        assert (done.returncode, done.stdout) == (1, "")
        assert "none cannot be read: No such file or directory." in done.stderr


class TestResume:
    """`batch --resume`: what succeeded before is printed again and not run again."""

    def jobs(self, ids: bool, array: bool) -> str:
        jobs = [
            {"operation": "writer", "output": f"{n}.bin", "seed": n, "mark": "marks"} | ({"id": f"j{n}"} if ids else {})
            for n in range(4)
        ]
        return batch_of(*jobs, array=array)

    def again(self, run: Run, work: Path, ids: bool, array: bool, before: bytes) -> tuple[Done, list[int]]:
        """Run the jobs with these earlier results; return which of them ran."""
        (work / "results").write_bytes(before)
        (work / "marks").unlink(missing_ok=True)
        done = run("batch", "--file", "-", "--resume", "results", stdin=self.jobs(ids, array))
        ran = sorted(map(int, (work / "marks").read_text().split())) if (work / "marks").exists() else []
        return done, ran

    @pytest.mark.parametrize("array", [True, False])
    @pytest.mark.parametrize("ids", [True, False])
    def test_all_cuts_of_an_earlier_run(self, run: Run, work: Path, ids: bool, array: bool) -> None:
        whole = run("batch", "--file", "-", stdin=self.jobs(ids, array)).stdout.encode()
        rows = whole.splitlines(keepends=True)
        cuts = {
            whole: 4,
            b"".join(rows[:3])[:-1]: 3,
            b"".join(rows[:2]) + rows[2][:40]: 2,
        }
        for before, kept in cuts.items():
            done, ran = self.again(run, work, ids, array, before)
            results = json.loads(done.stdout) if array else lines(done)
            assert (done.returncode, len(ran), len(results)) == (0, 4 - kept, 4), before
            assert {result["outputs"][0]["path"] for result in results} == {f"{n}.bin" for n in range(4)}
            if not ids:
                assert ran == list(range(kept, 4))

    @pytest.mark.parametrize("ids", [True, False])
    def test_what_failed_runs_again(self, run: Run, work: Path, ids: bool) -> None:
        rows = lines(run("batch", "--file", "-", stdin=self.jobs(ids, array=False)))
        rows.sort(key=lambda row: row["outputs"][0]["path"])
        rows[1] = {key: rows[1][key] for key in ("operation", "id") if key in rows[1]} | {"success": False}
        before = batch_of(*rows).encode()
        assert self.again(run, work, ids, False, before)[1] == [1]
        assert self.again(run, work, ids, True, json.dumps(rows, indent=1).encode())[1] == [1]

    def test_what_is_no_result_is_passed_over(self, run: Run, work: Path) -> None:
        rows = run("batch", "--file", "-", stdin=self.jobs(True, array=False)).stdout.encode().splitlines(keepends=True)
        good = next(row for row in rows if b'"j2"' in row)
        before = b"""x\n{}\n[1]\n{"success":true,"job":[1]}\n{"event":"pong"}\n{"success":true,"job":"j1"}\n""" + good
        assert self.again(run, work, True, False, before)[1] == [0, 1, 3]

    def test_an_id_that_is_a_number_is_not_its_text(self, run: Run, work: Path) -> None:
        before = run("batch", "--file", "-", stdin=batch_of({"operation": "noop", "id": 1, "n": 2})).stdout
        (work / "results").write_text(before.replace('"n":2', '"n":9'))
        jobs = batch_of({"operation": "noop", "id": "1", "n": 2}, {"n": 2, "operation": "noop", "id": 1})
        done = run("batch", "--file", "-", "--resume", "results", stdin=jobs)
        assert sorted(numbers(lines(done))) == [2, 9]

    @pytest.mark.parametrize("ids", [True, False])
    def test_a_changed_job_and_one_put_in_front_are_run(self, run: Run, work: Path, ids: bool) -> None:
        before = run("batch", "--file", "-", stdin=self.jobs(ids, array=False)).stdout.encode()
        jobs = [json.loads(line) for line in self.jobs(ids, array=False).splitlines()]
        jobs[2]["size"] = 5
        (work / "results").write_bytes(before)
        (work / "marks").unlink()
        new = {"operation": "writer", "output": "new.bin", "seed": 9, "mark": "marks"}
        done = run("batch", "--file", "-", "--resume", "results", stdin=batch_of(new, *jobs))
        assert sorted(map(int, (work / "marks").read_text().split())) == [2, 9]
        assert len(lines(done)) == 5
        assert (work / "new.bin").exists()

    @pytest.mark.parametrize("ids", [True, False])
    def test_what_is_gone_or_changed_or_was_another_operation_runs_again(self, run: Run, work: Path, ids: bool) -> None:
        rows = lines(run("batch", "--file", "-", stdin=self.jobs(ids, array=False)))
        rows.sort(key=lambda row: row["outputs"][0]["path"])
        (work / "0.bin").unlink()
        (work / "1.bin").write_bytes(b"edited")
        rows[2]["job"] = "another"
        assert self.again(run, work, ids, False, batch_of(*rows).encode())[1] == [0, 1, 2]

    def test_results_that_are_not_there_are_told(self, run: Run) -> None:
        done = run("batch", "--file", "-", "--resume", "none", stdin="[]")
        assert done.returncode == 1
        assert "none cannot be read" in done.stderr


class TestReports:
    """caps, schema, doctor."""

    def test_caps_says_what_there_is(self, run: Run) -> None:
        done = run("caps", "--workers", "3", "--max-side", "77")
        caps = json.loads(done.stdout)
        assert done.returncode == 0
        assert list(caps) == ["protocol", "engine", "operations", "formats", "limits", "workers"]
        assert (caps["protocol"], caps["engine"], caps["workers"]) == (version.PROTOCOL, version.ENGINE, 3)
        assert {*SHIPPED, "noop", "copy", "film"} <= set(caps["operations"])
        assert caps["operations"]["copy"] == {"summary": "Copy bytes.", "medium": "extra", "lane": "short"}
        assert caps["operations"]["film"]["lane"] == "long"
        assert caps["limits"]["max_side"] == 77
        assert set(caps["formats"]["image"]) == {"in", "out"}

    def test_what_an_operation_prints_on_import_is_no_part_of_the_answer(self, run: Run) -> None:
        for arguments in (["caps"], ["schema"], ["schema", "polluter"], ["polluter", "--json"]):
            assert json.loads(run(*arguments).stdout), arguments

    def test_the_schema_of_one_and_of_all(self, run: Run) -> None:
        one, everything = json.loads(run("schema", "noop").stdout), json.loads(run("schema").stdout)
        assert one["$ref"] == "#/$defs/job.noop"
        assert one["$defs"]["job.noop"] == everything["$defs"]["job.noop"]
        assert {"job", "control", "result", "event"} <= set(everything["$defs"])

    def test_doctor_finds_nothing_wrong_here(self, run: Run, work: Path) -> None:
        (work / "mediamill.toml").write_text("[engine]\nmax_frames = 5\n")
        done = run("doctor", "--json", "--workers", "3", env={"MEDIAMILL_GRACE": "2"})
        report = json.loads(done.stdout)
        assert (done.returncode, report["problems"]) == (0, [])
        assert report["settings"]["workers"] == {"value": 3, "origin": "flag"}
        assert report["settings"]["grace"] == {"value": 2.0, "origin": "environment"}
        assert report["settings"]["max_frames"] == {"value": 5, "origin": "mediamill.toml"}
        assert report["settings"]["fsync"] == {"value": True, "origin": "default"}
        assert report["versions"]["mediamill"] == version.ENGINE
        assert report["codecs"]["libvips"]["api_mode"] is True
        assert report["machine"]["cores"] >= 1

    def test_doctor_is_readable_too(self, run: Run) -> None:
        done = run("doctor")
        assert done.returncode == 0
        assert done.stdout.endswith("All is well.\n")
        for word in ("versions", "codecs", "machine", "settings", "pyvips", "workers"):
            assert word in done.stdout

    @pytest.mark.parametrize(
        "arguments",
        [
            ["caps"], ["schema"], ["--help"], ["--version"], ["copy", "a", "--output", "b"],
            ["process", "--job", '{"operation":"copy","input":"a","output":"b"}'],
        ],
    )  # fmt: skip
    def test_heavy_libraries_are_not_loaded_for_it(self, run: Run, work: Path, arguments: list[str]) -> None:
        (work / "a").write_bytes(b"x")
        code = (
            "import os, sys; from mediamill.engine.__main__ import main; status = main(sys.argv[1:]);"
            f"print(sorted(set(sys.modules) & {set(HEAVY)!r}), file=sys.stderr); sys.exit(status)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=work,
            env=os.environ | {"MEDIAMILL_OPERATIONS_PATH": str(work.parent / ".operations")},
            capture_output=True,
            timeout=WAIT,
        )
        assert (done.returncode, done.stderr.splitlines()[-1]) == (0, b"[]")


class TestTyped:
    """An operation as people type it."""

    @pytest.fixture(autouse=True)
    def files(self, work: Path) -> None:
        (work / "sub").mkdir()
        for name in ("a.txt", "b.txt", "sub/c.txt", "sub/.hidden"):
            (work / name).write_text(name)
        (work / "bad").write_text("bad")

    def test_a_table_says_what_was_saved(self, run: Run, work: Path) -> None:
        done = run("copy", "a.txt", "b.txt", "--output-dir", "out")
        assert (done.returncode, done.stderr) == (0, "")
        assert [row.split() for row in done.stdout.splitlines()] == [
            ["out/a.txt.copy", "text", "3x2", "5", "B"], ["out/b.txt.copy", "text", "3x2", "5", "B"],
        ]  # fmt: skip
        assert (work / "out" / "a.txt.copy").read_text() == "a.txt"

    @pytest.mark.parametrize(
        ("inputs", "names"),
        [
            (["*.txt"], ["a", "b"]),
            (["**/*.txt"], ["a", "b", "c"]),
            (["sub"], ["c"]),
            ([".", "a.txt", "./b.txt"], ["a", "b", "bad"]),
            (["a.txt", "a.txt"], ["a"]),
            (["[ab].txt"], ["a", "b"]),
        ],
    )
    def test_inputs_are_files_folders_and_globs_each_once(self, run: Run, inputs: list[str], names: list[str]) -> None:
        done = run("copy", *inputs, "--json", "--output-dir", "out", "--dry-run")
        found = [Path(result["outputs"][0]["path"]).name.split(".")[0] for result in lines(done)]
        if inputs[0] == ".":
            found = sorted(set(found))
        assert sorted(found) == sorted(names)

    def test_a_file_whose_name_looks_like_a_glob_is_that_file(self, run: Run, work: Path) -> None:
        (work / "[ab].txt").write_text("brackets")
        assert len(lines(run("copy", "[ab].txt", "--json"))) == 1

    def test_without_a_place_outputs_go_here(self, run: Run, work: Path) -> None:
        assert run("copy", "sub/c.txt").returncode == 0
        assert (work / "c.txt.copy").exists()

    def test_json_gives_result_lines(self, run: Run) -> None:
        done = run("copy", "a.txt", "--json", "--times", "2", "--output", "x")
        (result,) = lines(done)
        assert (result["success"], result["operation"], result["outputs"][0]["size_bytes"]) == (True, "copy", 10)

    def test_values_are_typed_as_the_declaration_says(self, run: Run) -> None:
        done = run("copy", "a.txt", "--json", "--angle", "90", "--names", "x,2024", "--sizes", "1,2", "--share", "0.5")
        assert lines(done)[0]["metadata"] == {"angle": 90, "names": ["x", "2024"], "sizes": [1, 2], "share": 0.5}
        assert lines(run("copy", "a.txt", "--json", "--share", "auto"))[0]["metadata"]["share"] == "auto"

    @pytest.mark.parametrize(
        ("arguments", "status", "words"),
        [
            (["a.txt", "--times", "4"], 2, "Invalid value for 'times': expected integer 1..3, received integer 4."),
            (
                ["a.txt", "--times", "two"],
                2,
                "Invalid value for 'times': expected integer 1..3, received string 'two'.",
            ),
            (["a.txt", "--angle", "45"], 2, "expected one of 0, 90, received integer 45."),
            (["a.txt", "--sizes", "1,b"], 2, "Invalid value for 'sizes[1]': expected integer, received string 'b'."),
            (["a.txt", "--overwrite", "skpi"], 2, "Did you mean 'skip'?"),
            (["a.txt", "b.txt", "--output", "x"], 2, "--output names one file; use --output-dir with several inputs."),
            (["none.txt"], 1, "Input file not found: none.txt"),
            (["*.nothing"], 1, "No file matches '*.nothing'."),
            (["a.txt", "--output", "sub"], 1, "Output is a folder: sub"),
            (["a.txt", "--output", "a.txt"], 1, "Output is the input itself: a.txt"),
            (["bad"], 1, "It is bad."),
        ],
    )
    def test_what_is_wrong_is_told_with_what_to_type(
        self, run: Run, work: Path, arguments: list[str], status: int, words: str
    ) -> None:
        done = run("copy", *arguments)
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr.startswith("mediamill: ")
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert not [path for path in work.rglob("*") if path.suffix in (".copy", ".tmp")]

    def test_to_replace_is_no_way_out_where_the_output_is_the_input(self, run: Run, work: Path) -> None:
        done = run("copy", "a.txt", "--output", "a.txt", "--overwrite", "replace")
        assert done.stderr.splitlines()[1:] == ["  Choose another path."]
        (work / "b.copy").write_text("there")
        done = run("copy", "a.txt", "--output", "b.copy", "--overwrite", "error")
        assert "overwrite" in done.stderr.splitlines()[1]
        (work / "b.copy").unlink()

    def test_one_failure_among_several_leaves_the_others(self, run: Run, work: Path) -> None:
        done = run("copy", "a.txt", "bad", "b.txt")
        assert done.returncode == 1
        assert len(done.stdout.splitlines()) == 2
        assert "It is bad." in done.stderr

    def test_an_empty_folder_holds_nothing_to_do(self, run: Run, work: Path) -> None:
        (work / "empty").mkdir()
        done = run("copy", "empty")
        assert (done.returncode, done.stdout) == (1, "")
        assert "empty" in done.stderr

    def test_an_operation_without_outputs_prints_what_it_found(self, run: Run) -> None:
        done = run("noop", "--n", "3")
        assert json.loads(done.stdout) == {"n": 3, "answer": None}

    def test_a_batch_is_sent_to_its_own_command(self, run: Run) -> None:
        done = run("batch")
        assert (done.returncode, done.stdout) == (2, "")

    def test_probe_tells_a_files_kind_whatever_its_name(self, run: Run, work: Path) -> None:
        (work / "odd.txt").write_bytes(PHOTO.read_bytes())
        done = run("probe", "odd.txt", "--json")
        assert done.returncode == 0
        assert lines(done)[0]["metadata"]["format"] == "jpeg"
        assert run("probe", "odd.txt").returncode == 0

    def test_resize_makes_a_file_for_each_width(self, run: Run, work: Path) -> None:
        done = run("resize", str(PHOTO), "--widths", "32,64", "--output-dir", "out")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == len(list((work / "out").iterdir())) == 2
        done = run("resize", str(PHOTO), "--widths", "32,wide")
        assert done.returncode == 2
        assert "widths[1]" in done.stderr


class TestStream:
    """The stream, by a pipe, by name and by flag."""

    @pytest.mark.parametrize("arguments", [[], ["stream"], ["--stream"], ["--stream", "--workers", "1"]], ids=" ".join)
    def test_jobs_in_results_out(self, run: Run, arguments: list[str]) -> None:
        jobs = batch_of({"operation": "noop", "n": 1}, {"operation": "nop"}, {"operation": "noop", "n": 2, "id": "a"})
        done = run(*arguments, stdin=jobs)
        results = lines(done)
        assert done.returncode == 0
        assert sorted(numbers([result for result in results if result["success"]])) == [1, 2]
        assert [result["error_info"]["code"] for result in results if not result["success"]] == ["unknown_operation"]

    def test_nothing_in_nothing_out(self, run: Run) -> None:
        done = run()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_an_integer_of_more_than_64_bits_costs_its_line_alone(self, run: Run) -> None:
        data = '{"operation":"noop","n":18446744073709551616}\n{"operation":"noop","n":18446744073709551615}\n'
        results = lines(run(stdin=data))
        assert [result["success"] for result in results] == [False, True]
        assert results[1]["metadata"]["n"] == 2**64 - 1


class TestClashes:
    """What people type that would write one file over the other, or means something else."""

    def resized(self, run: Run, work: Path, *names: str) -> Done:
        for name in names:
            (work / name).parent.mkdir(exist_ok=True)
            (work / name).write_bytes(PHOTO.read_bytes())
        return run("resize", *names, "--widths", "32", "--output-dir", "out")

    def test_inputs_of_the_same_name_are_refused(self, run: Run, work: Path) -> None:
        done = self.resized(run, work, "d1/a.jpg", "d2/a.jpeg")
        assert done.returncode == 2
        assert "d1/a.jpg and d2/a.jpeg would be written to the same names" in done.stderr
        assert not (work / "out").exists()

    def test_a_last_file_that_is_not_there_is_taken_for_the_output(self, run: Run, work: Path) -> None:
        (work / "a.jpg").write_bytes(PHOTO.read_bytes())
        done = run("convert", "a.jpg", "b.webp")
        assert done.returncode == 1
        assert "--output b.webp" in done.stderr

    def test_a_format_that_contradicts_the_suffix_is_refused(self, run: Run) -> None:
        done = run("convert", str(PHOTO), "--output", "b.png", "--format", "webp")
        assert done.returncode == 2
        assert "suffix says png, format says webp" in done.stderr

    def test_failures_name_their_files(self, run: Run, work: Path) -> None:
        (work / "good.jpg").write_bytes(PHOTO.read_bytes())
        (work / "half.jpg").write_bytes(PHOTO.read_bytes()[:5000])
        done = run("resize", "good.jpg", "half.jpg", "--widths", "32", "--output-dir", "out")
        assert done.returncode == 1
        assert "half.jpg: The picture is damaged" in done.stderr

    def test_an_output_smaller_than_asked_for_is_remarked(self, run: Run, work: Path) -> None:
        done = run("resize", str(PHOTO), "--widths", "5000", "--output-dir", "out")
        assert done.returncode == 0
        assert "fewer pixels than asked for" in done.stderr

    def test_a_target_that_was_not_met_is_remarked(self, run: Run) -> None:
        done = run("quality", str(PHOTO), "--target-size", "10", "--output-dir", "out")
        assert done.returncode == 0
        assert "cannot meet what was asked for" in done.stderr
        done = run("quality", str(PHOTO), "--target-size", "1000000", "--output-dir", "out")
        assert done.stderr == ""

    def test_the_html_of_a_page_is_printed(self, run: Run) -> None:
        done = run("srcset", str(PHOTO), "--widths", "32,64", "--output-dir", "out")
        assert done.returncode == 0
        assert "\n<img src=" in done.stdout

    def test_a_file_that_stays_has_saved_nothing(self, run: Run, work: Path) -> None:
        (work / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')
        assert "(the same)" in run("optimize", "a.svg").stdout

    def test_what_a_document_saved_is_told_and_why_one_is_left_as_it_is(
        self, run: Run, sample: Callable[[str], Path]
    ) -> None:
        for name, saved in (("report.pdf", r"\(-\d\d\.\d %\)"), ("signed.pdf", r"\(the same\)")):
            done = run("pdf_compress", str(sample(name)), "--output-dir", "out")
            assert re.search(rf"{name}: [\d.]+ kB -> [\d.]+ kB {saved}", done.stdout)
            assert ("skipped: signed: a signature field is filled in" in done.stderr) == (name == "signed.pdf")

    def test_limits_can_be_set_where_they_are_met(self, run: Run) -> None:
        done = run("resize", str(PHOTO), "--widths", "32", "--output-dir", "out", "--max-pixels", "1000")
        assert done.returncode == 1
        assert "max_pixels = 1000" in done.stderr
