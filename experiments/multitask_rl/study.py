"""The study of several seeds, without which methods cannot be compared."""

from experiments.multitask_rl import experiment, pictures, trainer
from experiments.run import contract

STUDY = contract.Study(
    name="metaworld_study",
    title="The same from several seeds",
    lead=(
        "Agents that differ by their seed alone differ as much as methods do "
        "(Agarwal et al. 2021). So each method is trained from several, and "
        "beside a mean stands what other seeds could have given."
    ),
    experiment=experiment.EXPERIMENT,
    chosen=(
        "sac",
        "sac_pcgrad",
        "sac_tuned",
        "sac_tuned_pcgrad",
        "independent",
    ),
    sweeps=(
        contract.Sweep(
            "seed", "seeds", (0, 1, 2), "Comma-separated list of seeds."
        ),
    ),
    scores=(contract.Score("success", trainer.SPLIT, "training goals"),),
    note="Success in %, the mean over tasks, the last evaluations and seeds.",
    pictures=(pictures.INTERQUARTILE,),
)
