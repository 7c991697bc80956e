"""The Python environments: made by a pinned uv from locks with hashes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from infra.setup.index import pip_options, uv_environment
from infra.setup.paths import Paths
from infra.setup.stamps import has_stamp, is_stamped, remove_stamp, set_stamp, stamp
from schemas.core.errors import UnavailableError

# `sh` starts the environment's Python, whatever the length of its path and the spaces in it.
_SCRIPT = """\
#!/bin/sh
'''exec' "$(dirname -- "$0")/python" "$0" "$@"
' '''
import sys

from {module} import {function}

if __name__ == "__main__":
    sys.exit({function}())
"""


def ensure_uv(paths: Paths) -> Path:
    """The pinned uv, put by pip into an environment of its own."""
    folder, lock = paths.environment("uv"), paths.locks / "uv.txt"
    wanted = stamp(sys.version, str(folder), files=[lock])
    if not is_stamped(folder, wanted):
        shutil.rmtree(folder, ignore_errors=True)
        failed = "this Python makes no environments (Debian: install `python3-venv`)"
        _run([sys.executable, "-m", "venv", folder], failed)
        pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", "--require-hashes", "-r", lock], "uv could not be installed")
        set_stamp(folder, wanted)
        # `run` takes this Python from now on: another default of the shell is no reason to make everything anew.
        (paths.state / "python").write_text(f"{sys.executable}\n", encoding="utf-8")
    return folder / "bin" / "uv"


def is_ready(paths: Paths, name: str) -> bool:
    """Whether the environment was made from its lock as it is now, by this Python, in this place."""
    return is_stamped(paths.environment(name), _wanted(paths, name))


def ensure_environment(paths: Paths, name: str) -> None:
    """Bring the environment `name` to exactly its lock, with this checkout importable in it."""
    if is_ready(paths, name):
        return
    folder, uv = paths.environment(name), ensure_uv(paths)
    settings = _uv_settings(paths)
    if not has_stamp(folder) or not site_packages(paths, name).is_dir():
        # Never finished, and a package may lie there half written, which uv would take for whole; or of another Python.
        shutil.rmtree(folder, ignore_errors=True)
    remove_stamp(folder)
    failed = f"the {name} environment could not be made"
    _run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder], failed, settings)
    sync: list[str | Path] = [uv, "pip", "sync", "--python", paths.python(name), "--require-hashes"]
    _run([*sync, "--build-constraints", paths.locks / "build.txt", paths.locks / f"{name}.txt"], failed, settings)
    set_stamp(folder, _wanted(paths, name))


def link_checkout(paths: Paths, name: str) -> None:
    """Make the packages of the checkout importable, and its commands runnable in `main`.

    A path file rather than an editable install: that needs a build backend and knows only the packages of its day.
    """
    (site_packages(paths, name) / "tideline.pth").write_text(f"{paths.checkout}\n", encoding="utf-8")
    if name != "main":
        return
    project = tomllib.loads((paths.checkout / "pyproject.toml").read_text())
    for command, target in project["project"]["scripts"].items():
        module, _, function = target.partition(":")
        script = paths.environment(name) / "bin" / command
        script.write_text(_SCRIPT.format(module=module, function=function))
        script.chmod(0o755)


def site_packages(paths: Paths, name: str) -> Path:
    """Where packages lie in an environment of the Python that runs this."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return paths.environment(name) / "lib" / python / "site-packages"


def _wanted(paths: Paths, name: str) -> str:
    files = [paths.locks / f"{name}.txt", paths.locks / "build.txt", paths.locks / "uv.txt"]
    return stamp(sys.version, str(paths.environment(name)), files=files)


def _uv_settings(paths: Paths) -> dict[str, str]:
    pip: list[str | Path] = [paths.python("uv"), "-m", "pip", "config", "list"]
    listing = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    told = uv_environment(pip_options(listing), os.environ)
    for foreign in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT"):
        told.pop(foreign, None)
    return {"UV_CACHE_DIR": str(paths.cache / "uv"), **told}


def _run(command: list[str | Path], failed: str, environment: Mapping[str, str] | None = None) -> None:
    """Run with its output shown. Raises `UnavailableError`, which begins with `failed`."""
    done = subprocess.run(command, env=environment, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        ended = f"`{Path(command[0]).name}` ended with {done.returncode}, its reason is above"
        raise UnavailableError(f"{failed}: {ended}; mend it and run `make setup` again")
