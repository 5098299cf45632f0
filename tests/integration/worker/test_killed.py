"""Whatever dies in the middle of a training, the study ends with the same machines, bit for bit."""

from backend.contracts.states import JobState, StudyState
from tests.integration.worker.plans import LONG, QUICK, assert_same_machine, plan, uninterrupted
from tests.integration.worker.rig import Rig, gone, wait_until


def assert_ended_as_if_nothing_had_happened(rig: Rig, study: str) -> None:
    rig.wait_for_end(study, StudyState.DONE)
    machines = rig.machines()
    cells = rig.cells(study, "machine")
    assert len(machines) == len(cells) == 2
    for cell in cells:
        assert_same_machine(rig.lab.artifacts.get(machines[cell.id].artifact_digest), uninterrupted(cell.parameters))
        points = rig.metrics(cell.id, "pseudo_log_likelihood")
        updates = [point.update for point in points]
        assert len(updates) == len(set(updates)) >= 20, "each point of the curve once"
        assert points[-1].value > points[0].value, "training makes images more likely"


def went_on_from(rig: Rig, job_id: str) -> list[int]:
    """Updates at which attempts went on from a checkpoint."""
    messages = [line.message for line in rig.log(job_id) if "going on from update" in line.message]
    return [int(message.split()[-1].rstrip(".").replace(",", "")) for message in messages]


def test_kill_of_the_child_in_the_middle_of_a_training(rig: Rig) -> None:
    worker = rig.worker()
    study = rig.submit(plan(LONG))
    rig.wait_for_checkpoint(study)
    (child,) = worker.children()
    child.kill()
    assert_ended_as_if_nothing_had_happened(rig, study)
    job = rig.job(study, "train")
    assert (job.attempt, job.token) == (2, 2)
    (update,) = went_on_from(rig, job.id)
    assert update > 0
    assert worker.process.poll() is None, "the pool started another child"


def test_kill_of_the_whole_worker_in_the_middle_of_a_training(rig: Rig) -> None:
    worker = rig.worker()
    study = rig.submit(plan(LONG))
    rig.wait_for_checkpoint(study)
    children = worker.children()
    worker.kill()
    wait_until(lambda: gone(children), "the child follows its parent", 2)
    rig.worker()
    assert_ended_as_if_nothing_had_happened(rig, study)
    (update,) = went_on_from(rig, rig.job(study, "train").id)
    assert update > 0


def test_kill_of_the_broker_in_the_middle_of_a_training(rig: Rig) -> None:
    worker = rig.worker()
    study, later = rig.submit(plan(LONG)), rig.submit(plan(QUICK, seed=1))
    rig.wait_for_checkpoint(study)
    rig.broker.kill()
    rig.wait_for(study, "train", JobState.DONE)
    assert rig.job(study, "evaluate").state == JobState.QUEUED, "nobody could be woken"
    rig.broker.start()
    assert_ended_as_if_nothing_had_happened(rig, study)
    rig.wait_for_end(later, StudyState.DONE)
    assert [job.attempt for job in rig.jobs(study) + rig.jobs(later)] == [1] * 6
    assert worker.process.poll() is None


def test_a_damaged_checkpoint_means_a_new_beginning(rig: Rig) -> None:
    """Kills: a job that fails for ever, or a machine that began in the middle, after a file was damaged."""
    damages = ["truncated", "missing", "of another format"]
    studies = {damage: rig.submit(plan(QUICK, seed=seed)) for seed, damage in enumerate(damages)}
    for seed, (damage, study) in enumerate(studies.items()):
        digest = rig.put_checkpoint(study, update=7 + seed)
        path = next((rig.folder / "store").rglob(digest))
        if damage == "truncated":
            path.write_bytes(path.read_bytes()[:1000])
        elif damage == "missing":
            path.unlink()
        else:
            rig.set_job(rig.job(study, "train").id, checkpoint_digest=rig.lab.artifacts.put(b"not a checkpoint"))
    rig.worker()
    for study in studies.values():
        rig.wait_for_end(study, StudyState.DONE)
        for cell in rig.cells(study, "machine"):
            stored = rig.lab.artifacts.get(rig.machines()[cell.id].artifact_digest)
            assert_same_machine(stored, uninterrupted(cell.parameters))
        (warning,) = [line for line in rig.log(rig.job(study, "train").id) if "begins anew" in line.message]
        assert warning.level == "warning"
