"""Checkpoints in S3, with a server of moto on loopback: a process that is killed while it copies leaves nothing that
counts. Runs where s3fs and moto are installed (the extra `storage`, and `moto[server]`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openqwq.training.errors import CheckpointError
from openqwq.training.run_folder.checkpoint import CheckpointStore
from openqwq.training.run_folder.mirror import CheckpointMirror

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")

URL = "s3://bucket/runs/mine-seed0/stage1"
SAVING = """
import sys
from pathlib import Path
from openqwq.training.run_folder import mirror
from openqwq.training.run_folder.checkpoint import CheckpointStore
from openqwq.training.run_folder.mirror import CheckpointMirror

put = CheckpointMirror._put
def slow(self, folder, step, name):
    put(self, folder, step, name)
    if step == 2 and name == "model/1":
        print("copied", flush=True)
        sys.stdin.read()  # killed here
CheckpointMirror._put = slow
mirror.TRANSFERS = 1

def write(folder):
    (folder / "model").mkdir()
    for i in range(4):
        (folder / "model" / str(i)).write_bytes(bytes([i]) * 3_000_000)

store = CheckpointStore(Path(sys.argv[1]), 2, in_background=True, mirror=CheckpointMirror(sys.argv[2]), warn=print)
for step in (1, 2):
    store.save(step, write, {"step of the loop": step})
store.wait()
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[None]:
    """A server with one bucket, to which fsspec is pointed by the variables that AWS's own tools read."""
    import fsspec

    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "none")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("bucket")
        yield
    server.stop()


def killed_while_copying(folder: Path) -> None:
    """A process saves steps 1 and 2 and is killed while it copies step 2."""
    process = subprocess.Popen([sys.executable, "-c", SAVING, str(folder), URL], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "copied\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_run_killed_while_uploading_goes_on_from_the_newest_whole_one(s3: None, tmp_path: Path) -> None:
    killed_while_copying(tmp_path / "first")
    mirror = CheckpointMirror(URL)
    assert mirror.steps() == [1] and 2 in mirror._begun()
    fresh = CheckpointStore(tmp_path / "another machine", 2, mirror=mirror, warn=pytest.fail)
    found = fresh.newest(pytest.fail)
    assert found is not None and found.step == 1 and found.state["step of the loop"] == 1
    for i in range(4):
        assert (found.folder / "model" / str(i)).read_bytes() == bytes([i]) * 3_000_000
    here = CheckpointStore(tmp_path / "first", 2, mirror=mirror).newest(pytest.fail)
    assert here is not None and here.step == 2  # the folder itself has it whole
    fresh.save(2, lambda folder: (folder / "a").write_text("again") and None, {})  # type: ignore[func-returns-value]
    fresh.save(3, lambda folder: (folder / "a").write_text("more") and None, {})  # type: ignore[func-returns-value]
    assert mirror.steps() == [1, 2, 3]
    fresh.prune(set())
    assert mirror.steps() == [2, 3] == fresh.steps()
    assert CheckpointMirror(URL)._fs.find(f"{mirror._root}/step_1") == []


def test_a_storage_that_does_not_answer_is_told_in_one_line(
    s3: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = CheckpointMirror("s3://no-such-bucket/runs/a/stage1")
    said: list[str] = []
    store = CheckpointStore(tmp_path, 2, mirror=mirror, warn=said.append)
    start = time.monotonic()
    store.save(1, lambda folder: (folder / "a").write_text("x") and None, {})  # type: ignore[func-returns-value]
    assert store.steps() == [1] and len(said) == 1
    assert "was not copied to s3://no-such-bucket/runs/a/stage1" in said[0] and "\n" not in said[0]
    assert time.monotonic() - start < 60
    monkeypatch.setattr(mirror._fs, "exists", lambda _: (_ for _ in ()).throw(PermissionError("refused")))
    with pytest.raises(CheckpointError, match="cannot be read: PermissionError: refused"):
        store.newest(said.append)
