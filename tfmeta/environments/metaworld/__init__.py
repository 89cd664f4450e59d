"""Meta-World's 50 tasks, as they are but for what is wrong with them.

What metaworld 3.1.1 does, and what is done about it, all in this folder:

- `Meta-World/ML1-train` gives the goals of the test split (Farama-Foundation/
  Metaworld, pull request 573). Here a split is an argument, and has goals of
  its own.
- `reset(seed=...)` is ignored, and goals come from NumPy's global generator
  (issues 350, 461 and 555). Here they follow from a seed.
- In the MT benchmarks all tasks share one seed, so that their choices of goals
  agree, and in ML1 the test goals of one seed are the training goals of the
  next. Here the task's name and the split are part of the seed.
- Any `reward_function_version` but `"v2"` silently gives v1 rewards, as does
  `"v3"`. Here it is an error.
- Whether the goal is shown changes observations, but not `observation_space`.
- Its evaluation counts the episodes of a task that end first, whichever
  environment they are of, and those that succeed are ended at once: one that
  succeeds in one of four environments can have 100 % (pull request 577). Here
  each environment says its own `success`, and no episode ends by it.

What is left as it is, for published results have it:

- ML25 has `basketball-v3` in both of its splits.
- `init_left_pad` and its kin, in the rewards of some tasks, are no copies: they
  move with what they are to remember.
- The observation of a reset is not clipped, those of steps are.
"""
