"""What the two-core presets of the study types share."""

from typing import Any

# With a rate that falls, the short chains catch up with the machine before it is judged: quality before pruning is then
# well above that of broken machines.
TWO_CORE_TRAINING: dict[str, Any] = {
    "gibbs_steps": 10,
    "num_updates": 2000,
    "batch_size": 128,
    "num_chains": 128,
    "learning_rate": 0.04,
    "learning_rate_decay": "linear",
    "final_learning_rate": 0.001,
}
# At a high rate that stays, machines collapse abruptly like those of the paper's schedule, in a hundredth of the time.
COLLAPSING_TRAINING: dict[str, Any] = {
    "gibbs_steps": 10,
    "num_updates": 1500,
    "batch_size": 100,
    "num_chains": 100,
    "learning_rate": 0.1,
}
TWO_CORE_GENERATION: dict[str, Any] = {"num_samples": 512, "gibbs_steps": 200}
