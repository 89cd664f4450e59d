"""Each method is the configuration that its name says."""

from typing import Any, NamedTuple

import keras
from absl.testing import absltest, parameterized

from experiments.few_shot import experiment
from tests.experiments import commands
from tfmeta import layers, learners, optimizers, regularizers

_METHODS = experiment.EXPERIMENT.methods


class _Tasks(NamedTuple):
    ways: int
    image_shape: tuple[int, int, int]


def _build(name, **given):
    return commands.build(
        experiment.EXPERIMENT,
        _Tasks(3, (16, 16, 1)),
        name,
        **{"filters": 4} | given,
    )


def _decayed(learner):
    optimizer = learner.optimizer
    optimizer.build(learner.trainable_variables)
    if not optimizer.weight_decay:
        return set()
    return {
        variable.path.split("/")[0]
        for variable in learner.network.trainable_variables
        if optimizer._use_weight_decay(variable)
    }


class MethodsTest(parameterized.TestCase):
    @parameterized.parameters(
        ("maml", 14, set()),
        ("maml_weight_decay", 14, {"block1_conv", "head"}),
        ("anil", 2, set()),
        ("taml", 14, set()),
        ("control", 2, set()),
        ("control_weight_decay", 2, {"block1_conv"}),
        ("mr_maml_w", 2, set()),
        ("mr_maml_w_learned_prior", 2, set()),
        ("mr_maml_a", 2, set()),
        ("llama", 2, set()),
        ("versa", 0, set()),
        ("cnp", 0, set()),
        ("mr_cnp_w", 0, set()),
        ("mr_cnp_a", 0, set()),
        ("recurrent", 0, set()),
        ("mann", 0, set()),
    )
    def test_adapted_and_decayed_weights(self, name, adapted, decayed):
        learner = _build(name)
        self.assertLen(learner.adapted_weights(), adapted)
        found = _decayed(learner) & {"block1_conv", "head"}
        self.assertEqual(found, decayed)

    def test_control_is_mr_maml_w_without_posterior(self):
        both = [_build(name) for name in ("control", "mr_maml_w")]
        configs = [learner.get_config() for learner in both]
        for config in configs:
            del config["network"], config["name"], config["posterior_draw"]
        self.assertEqual(*configs)
        names = [[x.name for x in w.network.layers[1:]] for w in both]
        self.assertEqual(*names)
        for learner, kind in zip(both, (False, True), strict=True):
            self.assertEqual(
                any(
                    isinstance(layer, layers.VariationalLayer)
                    for layer in learner.network.layers
                ),
                kind,
            )

    @parameterized.parameters(
        ("mr_cnp_w", layers.VariationalLayer),
        ("mr_cnp_a", layers.StochasticBottleneck),
    )
    def test_regularized_cnps_differ_by_their_encoder(self, name, kind):
        plain, regularized = _build("cnp"), _build(name)
        for part in ("context", "decoder"):
            ours, theirs = (
                [layer.name for layer in learner.network.parts[part].layers]
                for learner in (regularized, plain)
            )
            self.assertEqual(ours, theirs)
        for learner, expected in ((plain, False), (regularized, True)):
            self.assertEqual(
                any(
                    isinstance(layer, kind)
                    for layer in learner.network.parts["encoder"].layers
                ),
                expected,
            )

    def test_llama_is_control_with_a_posterior(self):
        llama, control = (
            _build("llama", curvature_weight=0.5),
            _build("control"),
        )
        self.assertIsInstance(llama, learners.LLAMA)
        ours, theirs = llama.get_config(), control.get_config()
        self.assertEqual(ours["curvature_weight"], 0.5)
        for key in theirs.keys() - {"network", "name"}:
            self.assertEqual(ours[key], theirs[key], key)

    def test_llama_may_draw_and_tables_say_so_if_not(self):
        llama = _build("llama", test_draws=3)
        self.assertEqual(llama.get_config()["test_draws"], 3)
        for draws, notes in ((0, 1), (3, 0), (None, 1)):
            settings = {} if draws is None else {"test_draws": draws}
            row: Any = {"method": "llama", "settings": settings}
            self.assertLen(experiment.EXPERIMENT.page_notes([row]), notes)

    @parameterized.parameters(
        ("versa", learners.VERSA),
        ("cnp", learners.CNP),
        ("recurrent", learners.RecurrentLearner),
        ("mann", learners.RecurrentLearner),
    )
    def test_amortized_ones_have_the_encoder_of_the_others(self, name, kind):
        learner, control = _build(name), _build("control")
        self.assertIs(type(learner), kind)
        *theirs, _ = control.network.layers
        self.assertEqual(
            [layer.name for layer in learner.network.parts["encoder"].layers],
            [layer.name for layer in theirs],
        )
        self.assertEqual(
            learner.network.outputs[0].shape, control.network.outputs[0].shape
        )
        with self.subTest("and no inner loop"):
            settings = _METHODS[name].choose(
                {
                    "inner_learning_rate": 0.4,
                    "inner_steps": 3,
                    "outer_learning_rate": 0.5,
                }
            )
            self.assertNoCommonElements(
                settings,
                ("inner_learning_rate", "inner_steps", "test_inner_steps"),
            )
            self.assertEqual(settings["outer_learning_rate"], 0.5)

    def test_versa_s_scale(self):
        versa = _METHODS["versa"]
        chosen = versa.choose({"initial_scale": 0.5})
        self.assertEqual(chosen["initial_scale"], 0.5)

    def test_cells_of_the_recurrent_ones(self):
        lstm = _build("recurrent", cell_units=7, memory_slots=9)
        self.assertEqual(lstm.network.parts["decoder"].input_shape, (None, 7))
        self.assertIs(type(lstm.cell), keras.layers.LSTMCell)
        mann = _build("mann", cell_units=7, memory_slots=9)
        self.assertIs(type(mann.cell), layers.MemoryAugmentedCell)
        self.assertEqual((mann.cell.units, mann.cell.slots), (7, 9))
        maml = _METHODS["maml"]
        self.assertNotIn("cell_units", maml.choose({"cell_units": 7}))

    @parameterized.parameters("maml", "control")
    def test_surgery_is_all_that_differs(self, name):
        plain, surgery = _build(name), _build(f"{name}_pcgrad")
        self.assertIsInstance(surgery.optimizer, optimizers.PCGrad)
        self.assertEqual(surgery.optimizer.get_config()["reduction"], "mean")
        configs = [learner.get_config() for learner in (plain, surgery)]
        for config in configs:
            del config["network"], config["name"]
        self.assertEqual(*configs)

    def test_taml_regularizes_tasks(self):
        regularizer = _build("taml")._task_regularizer
        self.assertIsInstance(regularizer, regularizers.TAMLEntropy)
        self.assertIsNone(_build("maml")._task_regularizer)

    @parameterized.parameters(
        ("cosine", [0.4, 0.2, 0.0]), ("constant", [0.4, 0.4, 0.4])
    )
    def test_outer_schedule(self, schedule, rates):
        optimizer = _build(
            "maml", outer_learning_rate=0.4, outer_schedule=schedule
        ).optimizer
        for step, rate in zip((0, 5, 10), rates, strict=True):
            optimizer.iterations.assign(step)
            self.assertAlmostEqual(float(optimizer.learning_rate), rate, 6)

    def test_a_flag_for_some_methods_leaves_the_others(self):
        given = {"beta": 0.5, "weight_decay": 0.25, "inner_steps": 7}
        control = _METHODS["control"].choose(given)
        self.assertNoCommonElements(control, ("beta", "weight_decay"))
        self.assertEqual(
            (control["inner_steps"], control["test_inner_steps"]), (7, 14)
        )
        ours = _METHODS["mr_maml_w"].choose(given)
        self.assertEqual(ours["beta"], 0.5)
        self.assertNotIn("weight_decay", ours)


if __name__ == "__main__":
    absltest.main()
