"""Picking on a dask cluster: the user's own, or processes of this machine.

The workers read, pick and encode; the run that asks them notes and writes, so that the folder of results has
one writer, and needs no lock that reaches over a network. A worker that dies has written nothing: what it was
at goes to another one. A few micrographs a worker are under way at a time, however many there are.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_hydrapicker import __version__
from napari_hydrapicker.errors import ClusterError, ParameterError
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.batch import Step, Timings, failure_of, look, predict, prepare, write
from napari_hydrapicker.picking.library import SUFFIX, HeadLibrary, find, user_library
from napari_hydrapicker.picking.outputs import OutputFolder, Settings, encoded, with_counts
from napari_hydrapicker.picking.parameters import CGanSpec, ConsensusSpec, HydraSpec
from napari_hydrapicker.picking.results import MicrographResult
from napari_hydrapicker.picks import Picks

if TYPE_CHECKING:
    from napari_hydrapicker.picking.base import Picker

logger = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_COUNT_SECONDS = 5.0  # from one look at the number of workers to the next
_WORD_SECONDS = 60.0  # from one word on a lack of workers to the next
_CONNECT_SECONDS = 30.0


@dataclass(frozen=True)
class Job:
    """What a worker has to know to pick.

    Attributes
    ----------
    spec
        What with; files of networks and heads by their full paths.
    settings
        How, and what is written.
    devices
        What the workers of this machine compute on, in turn; of other clusters the first alone counts.
    torch_threads
        How many threads a network has; None: as the worker was started.
    version
        Of the program: other versions may pick differently.
    """

    spec: HydraSpec | CGanSpec | ConsensusSpec
    settings: Settings
    devices: tuple[str, ...] = ("auto",)
    torch_threads: int | None = None
    version: str = __version__


@dataclass(frozen=True)
class Outcome:
    """What a worker returns of a micrograph: its files, or why there are none."""

    begun: MicrographResult
    picks: Picks | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    failure: MicrographResult | None = None
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)  # to prepare, predict and encode


def portable(spec: HydraSpec | CGanSpec | ConsensusSpec) -> HydraSpec | CGanSpec | ConsensusSpec:
    """Return a specification that means the same files on every machine that sees them."""
    if isinstance(spec, ConsensusSpec):
        imported = None if spec.imported is None else spec.imported.absolute()
        members = tuple(portable(one) for one in spec.members)
        return spec.model_copy(update={"members": members, "imported": imported})
    changes: dict[str, Any] = {}
    if spec.weights is not None:
        changes["weights"] = spec.weights.absolute()
    if isinstance(spec, HydraSpec):
        libraries = [*map(HeadLibrary, spec.libraries), user_library()]
        library = None if spec.head.endswith(SUFFIX) else find(spec.head, libraries)
        if library is not None:
            changes["head"] = str(library.path(spec.head).absolute())
        elif spec.head.endswith(SUFFIX):
            changes["head"] = str(Path(spec.head).absolute())
    return spec.model_copy(update=changes)


class _Loaded:
    """The network of a worker, which one thread at a time uses."""

    def __init__(self, job: Job, device: str) -> None:
        import torch

        from napari_hydrapicker.picking.base import load_picker

        if job.torch_threads is not None:
            torch.set_num_threads(job.torch_threads)
        self.picker: Picker = load_picker(job.spec, device)
        self.lock = threading.Lock()


_loaded: dict[str, _Loaded] = {}
_loading = threading.Lock()


def _network(job: Job) -> _Loaded:
    """Return the network that a job asks for, which is loaded once in a worker.

    Raises
    ------
    HydraPickerError
        If this worker cannot pick at all.
    """
    if job.version != __version__:
        raise ClusterError(
            f"a worker has version {__version__} of napari-hydrapicker, this is {job.version}: install the "
            "same everywhere"
        )
    key = f"{job.spec.model_dump_json()} {job.devices}"
    with _loading:
        if key not in _loaded:
            _loaded.clear()  # before the next one takes memory
            _loaded[key] = _Loaded(job, _device(job))
        return _loaded[key]


def _device(job: Job) -> str:
    from distributed import get_worker

    number = get_worker().name
    return job.devices[number % len(job.devices)] if isinstance(number, int) else job.devices[0]


def pick_on_worker(job: Job, micrograph: Micrograph, begun: MicrographResult) -> Outcome:
    """Pick one micrograph, and make its files; while the network is busy, another thread can read."""
    network = _network(job)
    parameters, settings = job.settings.parameters, job.settings
    step = Step(micrograph, begun)
    prepare(network.picker, step, parameters)
    with network.lock:
        predict(network.picker, step, parameters)
    start = time.perf_counter()
    if step.picks is None:
        return Outcome(step.begun, failure=step.failure)
    picks = step.picks.above(settings.threshold)
    try:
        files = encoded(settings, micrograph, picks, with_counts(step.begun, picks))
    except Exception as error:  # as in `batch`: of this micrograph alone
        return Outcome(step.begun, failure=failure_of(micrograph, step.begun, error))
    took = (step.prepare_seconds, step.network_seconds, time.perf_counter() - start)
    return Outcome(step.begun, picks, files, seconds=took)


@contextmanager
def local_cluster(workers: int, threads: int) -> Iterator[Any]:
    """Start processes on this machine, each with a network; yields a client of theirs.

    Parameters
    ----------
    workers
        Number of processes; one that dies is started again.
    threads
        How many threads of each prepare micrographs beside the network.

    Raises
    ------
    ParameterError
        If dask.distributed is not installed.
    """
    distributed = _distributed()
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=threads + 1, processes=True, dashboard_address=None,
            memory_limit=0, silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        yield client


@contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """Connect to a cluster that runs already; yields a client of it.

    Parameters
    ----------
    scheduler
        Address of the scheduler, or a file that it has written.

    Raises
    ------
    ClusterError
        If nobody answers there.
    ParameterError
        If it is neither an address nor a file, or dask.distributed is not installed.
    """
    distributed = _distributed()
    where: dict[str, Any] = {"address": scheduler}
    if os.path.isfile(scheduler):
        where = {"scheduler_file": scheduler}
    elif ":" not in scheduler:
        raise ParameterError(
            f"`scheduler` {scheduler}: no such file; give one, or an address (tcp://HOST:8786)"
        )
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what ends a run is said by us
    try:
        client = distributed.Client(**where, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no scheduler answers at {scheduler} ({error}): is it running?") from error
    try:
        yield client
    finally:
        client.close(timeout=_POLL_SECONDS)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ParameterError(
            "several processes or machines need dask.distributed, which is not installed: "
            "pip install 'napari-hydrapicker[cluster]'; or start several runs with `shard`"
        ) from error
    return distributed


def pick_all(
    client: Any,
    job: Job,
    micrographs: Iterable[Micrograph],
    folder: OutputFolder,
    timings: Timings | None = None,
) -> Generator[MicrographResult, None, None]:
    """Pick micrographs on a cluster, as `batch.pick_all` does here; yields results as they come.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    job
        What its workers are told.
    micrographs
        Taken from as they are needed.
    folder
        Begun; only this process writes into it.
    timings
        To be added to: seconds of all workers.

    Raises
    ------
    ClusterError
        If the scheduler is gone.
    HydraPickerError
        If the workers cannot load the network.
    OutputFolderError
        If the disk is full or the folder is lost.
    """
    timings = timings or Timings()
    run = _Run(client, job, folder, timings)
    try:
        with timings.running():
            yield from run.results(iter(micrographs))
    finally:
        run.cancel()


class _Run:
    """Micrographs that a cluster is at, and what comes back."""

    def __init__(self, client: Any, job: Job, folder: OutputFolder, timings: Timings) -> None:
        self._client, self._folder, self._timings = client, folder, timings
        self._job = replace(job, spec=portable(job.spec))
        self._at_work: dict[Any, Step] = {}
        self._back: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room, self._counted, self._worded = 0, -_COUNT_SECONDS, time.monotonic()

    def results(self, remaining: Iterator[Micrograph]) -> Iterator[MicrographResult]:
        """Keep the workers busy until all is done."""
        micrograph = next(remaining, None)
        while micrograph is not None or self._at_work:
            while micrograph is not None and len(self._at_work) < self._most():
                if (done := self._submit(micrograph)) is not None:
                    yield done
                micrograph = next(remaining, None)
            try:
                future = self._back.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                self._look()
                continue
            yield self._take(future)

    def _most(self) -> int:
        """How many micrographs to have under way: two a thread, so that none waits for the next."""
        now = time.monotonic()
        if now - self._counted >= _COUNT_SECONDS:
            self._counted = now
            threads = self._asked(self._client.nthreads)
            self._room = 2 * sum(threads.values())
            self._timings.networks = max(self._timings.networks, len(threads))
        return self._room

    def _look(self) -> None:
        """Say from time to time that there are no workers."""
        now = time.monotonic()
        if self._client.status not in ("running", "connecting"):
            raise self._gone()
        if not self._room and now - self._worded >= _WORD_SECONDS:
            self._worded = now
            logger.info("waiting for the cluster's first worker")

    def _submit(self, micrograph: Micrograph) -> MicrographResult | None:
        """Send a micrograph to the cluster, unless it is done or cannot be."""
        step = look(micrograph, self._folder)
        if step.failure is not None:
            write(step, self._folder)
        if step.result is not None:
            return step.result
        sent = replace(micrograph, path=micrograph.path.absolute())  # workers have folders of their own
        future = self._asked(
            self._client.submit, pick_on_worker, self._job, sent, step.begun,
            key=f"pick-{step.begun.name}-{os.urandom(4).hex()}", pure=False,
        )  # fmt: skip
        self._at_work[future] = step
        future.add_done_callback(self._back.put)
        return None

    def _take(self, future: Any) -> MicrographResult:
        """Write what has come back."""
        step = self._at_work.pop(future)
        files: dict[str, bytes] = {}
        try:
            if future.status == "error":
                step.failure = self._death_of(step, future.exception())
            elif future.status != "finished":  # cancelled or lost
                raise self._gone()
            else:
                outcome: Outcome = self._asked(future.result)
                step.begun, step.picks, files = outcome.begun, outcome.picks, outcome.files
                if outcome.failure is not None:
                    step.failure = _as_named(outcome.failure, step.micrograph)
                for name, seconds in zip(("prepare", "network", "write"), outcome.seconds, strict=True):
                    setattr(self._timings, name, getattr(self._timings, name) + seconds)
        finally:
            future.release()
        result = write(step, self._folder, files).result
        assert result is not None
        return result

    def _death_of(self, step: Step, error: BaseException) -> MicrographResult:
        """Return the failure of a micrograph that workers died of; any other error is no micrograph's."""
        from distributed.scheduler import KilledWorker

        if not isinstance(error, KilledWorker):
            raise error
        return step.begun.failed(
            f"{step.micrograph.path}: each worker that began it died ({error.allowed_failures + 1} did), for "
            "want of memory perhaps"
        )

    def _asked(self, question: Any, *arguments: Any, **options: Any) -> Any:
        """Ask the scheduler; raises `ClusterError` if it is gone."""
        try:
            return question(*arguments, **options)
        except (OSError, RuntimeError, TimeoutError) as error:
            if isinstance(error, OSError) or self._client.status != "running":
                raise self._gone() from error
            raise

    def _gone(self) -> ClusterError:
        return ClusterError("the cluster's scheduler is gone, or does not answer any more")

    def cancel(self) -> None:
        """Let the cluster forget what it has not done."""
        futures, self._at_work = list(self._at_work), {}
        if futures and self._client.status == "running":
            self._client.cancel(futures)


def _as_named(failure: MicrographResult, micrograph: Micrograph) -> MicrographResult:
    """Return a failure that speaks of a file as the user does."""
    return failure.failed(failure.error.replace(str(micrograph.path.absolute()), str(micrograph.path)))
