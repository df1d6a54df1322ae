"""What was wrong with a file that could be read all the same: counted, said, or, where the job is strict, fatal."""

from typing import Any

from mediamill.protocol.errors import CorruptInput

MISSING_SECONDS = 0.5
"""How much earlier than its header says a file may end without being called cut short."""


class Damage:
    """Counts what went wrong while a file was read; of one thread at a time.

    Args:
        strict: Whether the first fault ends the work.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.errors = 0
        self.first = ""
        self.missing = 0.0
        self.lost = 0

    def note(self, error: BaseException) -> None:
        """Count a packet or frame that could not be used.

        Raises:
            CorruptInput: The job is strict.
        """
        self.errors += 1
        self.first = self.first or f"{type(error).__name__}: {error}"
        if self.strict:
            raise CorruptInput("The file is damaged.", detail=self.first)

    def gave(self, frames: int, packets: int) -> None:
        """Hold the number of frames that were decoded against that of the packets they came in.

        Containers differ in how much a packet is, so it counts only where something else went wrong.
        """
        if self.errors and frames < packets:
            self.lost = packets - frames

    def ended(self, at: float, expected: float) -> None:
        """Hold the time a file really ended at against what its header says, both in seconds.

        Raises:
            CorruptInput: It is cut short and the job is strict.
        """
        if expected - at <= MISSING_SECONDS:
            return
        self.missing = round(expected - at, 3)
        if self.strict:
            raise CorruptInput(f"The file is cut short: it ends after {at:.1f} of {expected:.1f} seconds.")

    def told(self) -> dict[str, Any]:
        """Return what the result's metadata says of it; nothing where all was well."""
        found: dict[str, Any] = {}
        if self.errors:
            found["decode_errors"] = self.errors
        if self.lost:
            found["lost_frames"] = self.lost
        if self.missing:
            found["missing_seconds"] = self.missing
        return {"damaged": found} if found else {}
