"""What a person reads of a failure that is theirs to mend: one line, and no traceback."""

from __future__ import annotations

import pytest
from deltalake.exceptions import DeltaError

from batch_layer.__main__ import main


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "takes no writes (no space left on device)"),
        (DeltaError("Generic LocalFileSystem error: Read-only file system (os error 30)"), "(read-only file system)"),
        (RuntimeError("[STREAM_FAILED] … java.io.IOException: No space left on device"), "Make room"),
        (DeltaError("no such entry"), "cannot be read"),
    ],
)
def test_a_lake_that_fails_is_told_in_one_line(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        main(command)
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert said in told
    assert len(told.splitlines()) == 1


def test_our_own_fault_is_not_dressed_up() -> None:
    def command() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        main(command)
