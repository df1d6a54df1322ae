"""Which job goes next: priority first, then age, in two lanes.

Long jobs may hold every worker but never the one spare slot, which only a short job takes, so a thumbnail does not wait
behind films.
"""

import heapq
import itertools

from mediamill.engine.task import State, Task


class Scheduler:
    """Queues tasks and picks the next one that may start.

    Args:
        slots: How many tasks may run at once; one more short one where all of those are long.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._order = itertools.count()
        self._lanes: dict[str, list[tuple[int, int, Task]]] = {"short": [], "long": []}
        self._running: dict[str, set[Task]] = {"short": set(), "long": set()}
        self._queued = 0

    @property
    def queued(self) -> int:
        """How many tasks wait."""
        return self._queued

    @property
    def running(self) -> int:
        """How many tasks run."""
        return len(self._running["short"]) + len(self._running["long"])

    def add(self, task: Task) -> None:
        """Queue a task; one that was queued before goes behind its equals."""
        task.state = State.QUEUED
        heapq.heappush(self._lanes[task.operation.lane], (-task.job.priority, next(self._order), task))
        self._queued += 1

    def drop(self, task: Task) -> None:
        """Forget a queued task; its place in the heap is passed over later."""
        self._queued -= 1

    def pick(self) -> Task | None:
        """Return the next task that may start now and count it as running; None where none may."""
        lane = self._next_lane()
        if lane is None:
            return None
        _, _, task = heapq.heappop(self._lanes[lane])
        self._queued -= 1
        self._running[lane].add(task)
        return task

    def can_pick(self) -> bool:
        """Return whether `pick` would give a task."""
        return self._next_lane() is not None

    def done(self, task: Task) -> None:
        """Note that a running task runs no more."""
        self._running[task.operation.lane].discard(task)

    def threads(self, cores: int) -> int:
        """Return the thread share of a task that starts now: the cores over all that want them."""
        wanted = max(1, min(self.running + self._queued, self.slots))
        return max(1, cores // wanted)

    def all_queued(self) -> list[Task]:
        """Return the queued tasks, in no order."""
        return [task for lane in self._lanes.values() for _, _, task in lane if task.state is State.QUEUED]

    def _next_lane(self) -> str | None:
        for heap in self._lanes.values():
            while heap and heap[0][2].state is not State.QUEUED:
                heapq.heappop(heap)
        free = self.running < self.slots
        spare = self.running == self.slots and not self._running["short"]
        heads = [
            (*self._lanes[lane][0][:2], lane)
            for lane, allowed in (("short", free or spare), ("long", free))
            if allowed and self._lanes[lane]
        ]
        return min(heads)[2] if heads else None
