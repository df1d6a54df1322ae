"""How the system schedules this process: an encoder is not to change that for all that comes after it.

SVT-AV1 makes the thread that opens it, and all its own, real-time threads where it may, which is as root, and leaves
them so. Such a process takes the machine from all others, from its own host too, and what it starts inherits it.
"""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def kept_priority() -> Iterator[None]:
    """Give all threads of the process the policy back that the calling one has, when the context ends.

    Only Linux has threads whose policy can be told one by one; elsewhere nothing changes it.
    """
    if not hasattr(os, "sched_setscheduler") or not os.path.isdir("/proc/self/task"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                if os.sched_getscheduler(int(thread)) != policy:
                    os.sched_setscheduler(int(thread), policy, parameters)
