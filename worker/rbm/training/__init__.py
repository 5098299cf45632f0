"""Training by (persistent) contrastive divergence: schedules, the state of a run, and the updates."""

from worker.rbm.training.schedule import Ascent, TrainingSchedule
from worker.rbm.training.state import TrainingState, start_training, start_training_from
from worker.rbm.training.update import train

__all__ = [
    "Ascent",
    "TrainingSchedule",
    "TrainingState",
    "start_training",
    "start_training_from",
    "train",
]
