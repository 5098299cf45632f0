"""The judge: two classifiers that say whether an image is a digit, and which (paper, appendix A).

`material` sorts samples of machines into digits and broken ones, `recipe` trains the classifiers, `examination` tests
them on machines that they never saw, `judge_file` keeps them.
"""

from worker.rbm.judge.classifiers import DigitJudge
from worker.rbm.judge.examination import Examination, examine
from worker.rbm.judge.material import MachineSamples, Material, gather
from worker.rbm.judge.recipe import Recipe, build_in_blocks

__all__ = ["DigitJudge", "Examination", "MachineSamples", "Material", "Recipe", "build_in_blocks", "examine", "gather"]
