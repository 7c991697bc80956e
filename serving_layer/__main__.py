"""`python -m serving_layer apply | join | load | load-models | serve --port P`: the processes of a replica.

Each runs until it is told to stop, and waits for what is not there yet.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from schemas.core.errors import TidelineError, UnavailableError
from schemas.settings import Settings

PRIORITY = 10
"""How much the loader gives way to readers and the applier (`nice`)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one process; 0 when it was told to stop, 1 when it cannot run, 2 on misuse."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for noisy in ("kafka", "httpx"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    settings = Settings.from_environment()
    settings.store.mkdir(parents=True, exist_ok=True)
    # Machine code is kept with the environment that made it, for every stack; numba reads this when it is imported.
    kept = Path(sys.prefix) if os.access(sys.prefix, os.W_OK) else settings.store
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kept / "machine-code"))
    try:
        match options.process:
            case "apply":
                _apply(settings)
            case "join":
                _join(settings)
            case "load":
                _load(settings)
            case "load-models":
                _load_models(settings)
            case _:
                _serve(settings, options.port)
    except TidelineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _apply(settings: Settings) -> None:
    from serving_layer.applier import Applier  # noqa: PLC0415 - after NUMBA_CACHE_DIR is set
    from serving_layer.environment import open_environment  # noqa: PLC0415

    alone = _alone(settings.store, "applier")
    environment = open_environment(settings.store)
    Applier(environment, kafka=settings.kafka, flink=settings.flink, stopped=_stopped()).run()
    environment.close()
    os.close(alone)


def _join(settings: Settings) -> None:
    from serving_layer.environment import open_environment  # noqa: PLC0415
    from serving_layer.outcomes.joiner import Joiner  # noqa: PLC0415
    from serving_layer.outcomes.progress import OUTCOMES  # noqa: PLC0415

    alone = _alone(settings.store, "outcomes")
    os.nice(PRIORITY)
    environment = open_environment(settings.store / OUTCOMES)
    Joiner(environment, lake=settings.lake, kafka=settings.kafka, stopped=_stopped()).run()
    environment.close()
    os.close(alone)


def _load(settings: Settings) -> None:
    from serving_layer.environment import open_environment  # noqa: PLC0415
    from serving_layer.loader import Loader  # noqa: PLC0415
    from serving_layer.segment_building import warm_up  # noqa: PLC0415

    alone = _alone(settings.store, "loader")
    warm_up()
    os.nice(PRIORITY)
    environment = open_environment(settings.store)
    Loader(settings.store, environment, lake=settings.lake, stopped=_stopped()).run()
    environment.close()
    os.close(alone)


def _load_models(settings: Settings) -> None:
    from serving_layer.environment import open_environment  # noqa: PLC0415
    from serving_layer.models.canary import try_out  # noqa: PLC0415
    from serving_layer.models.loading import ModelLoader, Waits  # noqa: PLC0415
    from serving_layer.models.registry import MlflowRegistry  # noqa: PLC0415
    from serving_layer.models.webhook import Doorbell  # noqa: PLC0415

    if not settings.mlflow:
        raise UnavailableError(
            "this stack has no MLflow, so there is nothing to load models from; set `TIDELINE_MLFLOW`"
        )
    alone = _alone(settings.store, "model-loader")
    os.nice(PRIORITY)
    woken = threading.Event()
    waits = Waits(_stopped(woken), woken)
    environment, registry = open_environment(settings.store), MlflowRegistry(settings.mlflow)
    doorbell = Doorbell(settings.models_told, woken.set)
    ModelLoader(settings.store, environment, lake=settings.lake, registry=registry, waits=waits, try_out=try_out).run(
        partial(registry.tell, doorbell.url, doorbell.secret)
    )
    doorbell.close()
    registry.close()
    environment.close()
    os.close(alone)


def _serve(settings: Settings, port: int) -> None:
    from serving_layer.http.server import serve  # noqa: PLC0415
    from serving_layer.store import LmdbStore  # noqa: PLC0415

    store = LmdbStore(settings.store)
    store.follow()
    serve(store, settings=settings, figures=store.figures, watches=store.watches, port=port)
    store.close()


def _alone(store: Path, process: str) -> int:
    """Hold the lock of a process of which a store has one; raises UnavailableError where another runs."""
    descriptor = os.open(store / f"{process}.lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UnavailableError(
            f"the {process} of this store runs already, and a second one would write over it; see `tideline status`"
        ) from error
    return descriptor


def _stopped(*also: threading.Event) -> threading.Event:
    """Set when the process is told to stop, and these with it."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        for event in (stopped, *also):
            event.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopped


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving_layer", description=__doc__)
    processes = parser.add_subparsers(dest="process", required=True)
    processes.add_parser("apply", help="follow the speed topics into the store")
    processes.add_parser("join", help="join predictions with what turned out")
    processes.add_parser("load", help="pull generations and runs from the lake into the store")
    processes.add_parser("load-models", help="pull versions of models from MLflow into the store")
    serving = processes.add_parser("serve", help="answer over HTTP")
    serving.add_argument("--port", type=int, required=True)
    serving.add_argument("--workers", type=int, default=1, choices=[1], help="one process a port; start more readers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
