"""Workers killed and stopped at random under load: every job answered, every file whole."""

import contextlib
import itertools
import os
import random
import signal
import threading
import time

from harness import code, files_under

JOBS = 2000


class Storm(threading.Thread):
    """Kills a random worker every 30 to 150 ms, idle or busy; stops one now and then instead."""

    def __init__(self, engine, seed):
        super().__init__(daemon=True)
        self.engine, self.random, self.ends = engine, random.Random(seed), threading.Event()
        self.kills = self.stops = 0

    def run(self):
        while not self.ends.wait(self.random.uniform(0.03, 0.15)):
            workers = self.engine.workers()
            if workers:
                stop = self.random.random() < 0.08
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.random.choice(workers), signal.SIGSTOP if stop else signal.SIGKILL)
                self.stops += stop
                self.kills += not stop

    def stop(self):
        self.ends.set()
        self.join()


def job(n, out):
    return {
        "operation": "writer",
        "output_dir": os.path.join(out, str(n % 20)),
        "outputs": 1 + n % 3,
        "size": 500 + 37 * (n % 400),
        "seed": n,
        "between_ms": n % 4,
        "id": n,
    }


def wanted(n):
    shake = __import__("hashlib").shake_128
    size = 500 + 37 * (n % 400)
    return {f"{n % 20}/w{n}-{index}.bin": shake(f"{n}:{index}".encode()).digest(size) for index in range(1 + n % 3)}


def test_a_kill_storm(host, tmp_path):
    out = tmp_path / "out"
    engine = host("--workers", 4, "--no-fsync")
    storm = Storm(engine, 20_261)
    storm.start()
    began = time.monotonic()
    for start in range(0, JOBS, 100):
        engine.send(*(job(n, str(out)) for n in range(start, start + 100)))
    engine.take(JOBS, patience=150)
    passed = time.monotonic() - began
    storm.stop()
    results = engine.finish()
    assert sorted(r["id"] for r in results) == list(range(JOBS))
    good = {r["id"] for r in results if r["success"]}
    assert {code(r) for r in results} <= {"ok", "worker_crashed"}
    assert len(good) >= JOBS * 0.9
    assert storm.kills >= passed * 3
    expected = {}
    for n in good:
        expected |= wanted(n)
    found = files_under(out)
    assert sorted(set(found) - set(expected)) == [], "A file that no good job wrote, or half of a job."
    assert sorted(set(expected) - set(found)) == [], "A file is missing."
    assert all(found[name] == expected[name] for name in expected)
    times = [moment for moment, _ in engine.lines]
    assert max(after - before for before, after in itertools.pairwise(times)) < 5


def test_the_engine_recovers_right_after_a_storm(host):
    engine = host("--workers", 2)
    storm = Storm(engine, 5)
    storm.start()
    engine.send(*({"operation": "film", "seconds": 0.05, "n": n, "id": n} for n in range(60)))
    engine.take(60)
    storm.stop()
    for pid in engine.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    engine.send(*({"operation": "noop", "n": n, "id": 1000 + n} for n in range(50)))
    assert {code(engine.result(1000 + n)) for n in range(50)} == {"ok"}
