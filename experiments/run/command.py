"""Starts the command of an experiment or a study."""

import functools

from absl import flags

from experiments.run import cli, contract, main_loop, study
from experiments.run import flags as run_flags


def start(described: contract.Experiment | contract.Study) -> None:
    """Runs what is described, as the command line says."""
    if isinstance(described, contract.Study):
        settings = study.settings_of(described)
        run = functools.partial(study.run, described)
    else:
        settings = main_loop.settings_of(described)
        run = functools.partial(main_loop.run, described)
    run_flags.define(settings, flags.FLAGS)
    cli.run(lambda: run(run_flags.read(settings, flags.FLAGS)))
