import os
import stat

import pytest

from mediamill.engine.context import JobContext, LocalChannel
from mediamill.engine.settings import Settings
from mediamill.operations.video.video_transcode import Params
from mediamill.protocol.errors import OutputUnwritable


@pytest.fixture
def context(tmp_path):
    job = Params(input="a.mp4", output=str(tmp_path / "b.mp4"))
    channel = LocalChannel()
    return JobContext(job, Settings(), channel, 1), channel


def test_a_scratch_folder_is_private_and_its_files_are_announced(context, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ctx, channel = context
    folder = ctx.scratch(["notes", "notes.more"])
    assert os.path.dirname(folder) == str(tmp_path)
    assert channel.temporaries == [folder, os.path.join(folder, "notes"), os.path.join(folder, "notes.more")]
    assert stat.S_IMODE(os.stat(folder).st_mode) & 0o077 == 0
    assert ctx.scratch(["notes"]) != folder


def test_no_place_for_a_scratch_folder_is_an_error_of_the_table(context, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    ctx, _ = context
    with pytest.raises(OutputUnwritable, match="temporary folder"):
        ctx.scratch([])
