"""Starts the command of an experiment or a study."""

from absl import flags

from experiments.run import cli, contract, main_loop, study
from experiments.run import flags as run_flags


def start(described: contract.Experiment | contract.Study) -> None:
    """Runs what is described, as the command line says."""
    if isinstance(described, contract.Study):
        settings, run = study.settings_of(described), study.run
    else:
        settings, run = main_loop.settings_of(described), main_loop.run
    run_flags.define(settings, flags.FLAGS)
    cli.run(lambda: run(described, run_flags.read(settings, flags.FLAGS)))
