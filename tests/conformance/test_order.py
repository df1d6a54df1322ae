"""In which order results come, and that none is lost however the host reads and writes."""

import os
import time

from harness import code


def numbers(results):
    return [result["metadata"]["n"] for result in results]


def test_results_without_ids_come_in_order_while_jobs_overlap(host):
    engine = host("--workers", 2)
    seconds = [0.6, 0.01, 0.3, 0.0, 0.2, 0.01, 0.1, 0.0, 0.05, 0.0]
    began = time.monotonic()
    engine.send(*({"operation": "film", "seconds": s, "n": n} for n, s in enumerate(seconds)))
    engine.send({"operation": "nope"}, {"operation": "noop", "n": 10})
    results = engine.finish()
    assert [code(r) for r in results] == ["ok"] * 10 + ["unknown_operation", "ok"]
    assert numbers(results[:10]) == list(range(10))
    assert not any("id" in result for result in results)
    assert sum(r["elapsed_ms"] for r in results) / 1000 > 1.2
    assert time.monotonic() - began < 30


def lines_of(path):
    try:
        with open(path) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def test_jobs_without_ids_do_overlap(host, tmp_path):
    engine = host("--workers", 2)
    mark = str(tmp_path / "mark")
    engine.send(*({"operation": "hang", "seconds": 3, "mark": mark, "n": n} for n in range(2)))
    engine.until(lambda: len(lines_of(mark)) == 2)
    assert not engine.results
    assert numbers(engine.finish()) == [0, 1]


def test_results_with_ids_come_as_they_finish(host):
    engine = host("--workers", 2)
    engine.send({"operation": "hang", "seconds": 1.5, "id": "slow"})
    engine.send(*({"operation": "noop", "n": n, "id": n} for n in range(6)))
    results = engine.finish()
    assert [r["id"] for r in results][-1] == "slow"
    assert sorted(r["id"] for r in results[:-1]) == list(range(6))


def test_ordered_and_named_jobs_mix(host):
    engine = host("--workers", 2)
    for n in range(30):
        engine.send({"operation": "film", "seconds": 0.1 if n % 7 == 0 else 0, "n": n} | ({"id": n} if n % 3 else {}))
    results = engine.finish()
    assert len(results) == 30
    plain = [r for r in results if "id" not in r]
    assert numbers(plain) == list(range(0, 30, 3))
    assert sorted(r["id"] for r in results if "id" in r) == [n for n in range(30) if n % 3]
    assert all(r["id"] == r["metadata"]["n"] for r in results if "id" in r)


def test_a_slow_ordered_job_does_not_hold_up_named_ones(host):
    engine = host("--workers", 2)
    engine.send({"operation": "hang", "seconds": 2, "n": 1})
    engine.send({"operation": "noop", "id": "quick"})
    assert engine.result("quick")["success"]
    assert len(engine.results) == 1
    engine.finish()


def test_a_host_that_writes_everything_before_it_reads(host):
    engine = host("--workers", 2, read=False)
    count = 5000
    lines = [f'{{"operation":"noop","n":{n},"answer":"{"x" * 200}"}}\n' for n in range(count)]
    engine.send_raw("".join(lines).encode())
    engine.close_stdin()
    engine.start_reading()
    results = engine.take(count)
    assert engine.wait() == 0
    assert numbers(results) == list(range(count))


def test_results_beyond_memory_go_to_disk_and_come_back(host):
    engine = host("--workers", 2, read=False)
    count = 600
    engine.send_raw(b"".join(b'{"operation":"noop","n":%d,"answer":"%s"}\n' % (n, b"y" * 40_000) for n in range(count)))
    engine.close_stdin()
    engine.start_reading()
    assert numbers(engine.take(count)) == list(range(count))
    assert engine.wait() == 0
    assert all(r["metadata"]["answer"] == "y" * 40_000 for r in engine.results)


def test_results_survive_a_disk_with_no_room_for_them(host):
    """Where results can wait neither in the pipe nor on disk, they wait in memory."""
    engine = host("--workers", 2, read=False, prefix=["prlimit", "--fsize=1000000"])
    count = 300
    engine.send_raw(b"".join(b'{"operation":"noop","n":%d,"answer":"%s"}\n' % (n, b"y" * 40_000) for n in range(count)))
    engine.close_stdin()
    engine.start_reading()
    assert numbers(engine.take(count)) == list(range(count))
    assert engine.wait() == 0


def test_a_slow_reader_gets_everything(host):
    engine = host("--workers", 2, read=False)
    engine.start_reading(pause=0.002, size=512)
    for n in range(300):
        engine.send({"operation": "noop", "n": n, "answer": "z" * 1000})
    engine.close_stdin()
    assert numbers(engine.take(300)) == list(range(300))
    assert engine.wait() == 0


def test_a_flooded_stderr_nobody_reads_stops_nothing(host):
    engine = host("--workers", 2, read_stderr=False)
    engine.send(*({"operation": "polluter", "stderr_mb": 4, "n": n, "id": n} for n in range(4)))
    engine.send(*({"operation": "noop", "n": n, "id": 100 + n} for n in range(50)))
    assert [code(engine.result(n)) for n in range(4)] == ["ok"] * 4
    assert len(engine.finish()) == 54


def test_stdin_and_stdout_may_be_sockets(host):
    engine = host("--workers", 2, sockets=True)
    engine.send(*({"operation": "noop", "n": n} for n in range(200)))
    assert numbers(engine.finish()) == list(range(200))


def test_stdin_and_stdout_may_be_non_blocking(host, tmp_path):
    """Some hosts share descriptors they have made non-blocking for themselves."""
    import fcntl

    def non_blocking():
        for descriptor in (0, 1):
            fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_NONBLOCK)

    engine = host("--workers", 2, read=False, preexec_fn=non_blocking)
    time.sleep(0.5)
    engine.send(*({"operation": "noop", "n": n, "answer": "z" * 2000} for n in range(200)))
    engine.close_stdin()
    time.sleep(0.5)
    engine.start_reading()
    assert numbers(engine.take(200)) == list(range(200))
    assert engine.wait() == 0
