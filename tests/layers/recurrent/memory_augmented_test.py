"""The memory-augmented cell against its equations, in float64."""

import keras
import numpy as np
from absl.testing import absltest, parameterized

from tfmeta import errors
from tfmeta.layers.recurrent import memory_augmented

_BATCH, _FEATURES, _UNITS, _SLOTS, _WIDTH, _DECAY = 3, 4, 5, 6, 2, 0.7


def setUpModule():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def _cell(heads=2, alpha=None, slots=_SLOTS, **kwargs):
    keras.utils.set_random_seed(0)
    cell = memory_augmented.MemoryAugmentedCell(
        _UNITS,
        slots=slots,
        width=_WIDTH,
        heads=heads,
        usage_decay=_DECAY,
        **kwargs,
    )
    cell.build((None, _FEATURES))
    if alpha is None:
        alpha = np.linspace(-1, 1, heads)
    cell.alpha.assign(np.full((heads, 1), np.reshape(alpha, (-1, 1))))
    return cell


def _inputs(steps):
    rng = np.random.default_rng(1)
    return rng.normal(size=(steps, _BATCH, _FEATURES))


def _run(cell, inputs):
    """Returns the states after each step as arrays, and the outputs."""
    states = cell.get_initial_state(_BATCH)
    history, outputs = [_matrices(cell, states)], []
    for values in inputs:
        output, states = cell(values, states)
        history.append(_matrices(cell, states))
        outputs.append(output.numpy())
    return history, outputs


def _matrices(cell, states):
    shapes = [
        (-1,),
        (-1,),
        (-1,),
        (cell.slots, _WIDTH),
        (cell.heads, cell.slots),
        (-1,),
    ]
    return [
        np.reshape(state, (_BATCH, *shape))
        for state, shape in zip(states, shapes, strict=True)
    ]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _cosine(a, b):
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / norms if norms else 0.0


def _expected_step(cell, x, h, c, r, memory, w_r, w_u):
    """The paper's equations for one sequence, loop by loop."""
    kernel, recurrent, bias = cell.controller.get_weights()
    gates = np.concatenate([x, r]) @ kernel + h @ recurrent + bias
    i, f, g, o = np.split(gates, 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    h = _sigmoid(o) * np.tanh(c)
    kernel, bias = cell.keys.get_weights()
    keys = np.split(np.tanh(h @ kernel + bias), cell.heads)

    least = np.argsort(w_u, kind="stable")[: cell.heads]
    memory = memory.copy()
    memory[least] = 0
    w_w = []
    for head in range(cell.heads):
        gate = _sigmoid(cell.alpha.numpy()[head, 0])
        weights = gate * w_r[head]
        weights[least[head]] += 1 - gate
        w_w.append(weights)
    for slot in range(cell.slots):
        for head in range(cell.heads):
            memory[slot] += w_w[head][slot] * keys[head]
    w_r, reads = [], []
    for key in keys:
        similarities = np.exp([_cosine(key, row) for row in memory])
        w_r.append(similarities / similarities.sum())
        reads.append(
            sum(w * row for w, row in zip(w_r[-1], memory, strict=True))
        )
    w_u = cell.usage_decay * w_u + sum(w_r) + sum(w_w)
    return h, c, np.concatenate(reads), memory, np.array(w_r), w_u


class EquationsTest(parameterized.TestCase):
    @parameterized.parameters(1, 2, 3)
    def test_step_by_step(self, heads):
        cell = _cell(heads)
        # More steps than slots, so that some are written over.
        inputs = _inputs(9)
        history, outputs = _run(cell, inputs)
        for number in range(_BATCH):
            expected = [state[number] for state in history[0]]
            for step, values in enumerate(inputs):
                expected = _expected_step(cell, values[number], *expected)
                for ours, theirs in zip(
                    history[step + 1], expected, strict=True
                ):
                    np.testing.assert_allclose(
                        ours[number], theirs, rtol=1e-9, atol=1e-12
                    )
                np.testing.assert_allclose(
                    outputs[step][number],
                    np.concatenate([expected[0], expected[2]]),
                    rtol=1e-9,
                )


class MemoryTest(parameterized.TestCase):
    def test_the_start_is_what_an_empty_memory_reads(self):
        h, c, r, memory, w_r, w_u = _run(_cell(), [])[0][0]
        for zeros in (h, c, r, memory, w_u):
            self.assertFalse(zeros.any())
        np.testing.assert_allclose(w_r, 1 / _SLOTS)

    def test_with_the_gate_closed_slots_fill_up_one_by_one(self):
        """sigmoid(alpha) = 0: writes go to the least used slots alone."""
        cell = _cell(heads=1, alpha=-1e3)
        history, _ = _run(cell, _inputs(_SLOTS + 1))
        for step in range(1, _SLOTS + 1):
            before, after = history[step - 1][3], history[step][3]
            slot = step - 1
            self.assertTrue(np.all(after[:, slot] != 0))
            self.assertFalse(after[:, slot + 1 :].any())
            np.testing.assert_array_equal(after[:, :slot], before[:, :slot])
        with self.subTest("then the least used one is written over"):
            least = np.argmin(history[-2][5], axis=1)
            changed = np.any(history[-1][3] != history[-2][3], axis=2)
            np.testing.assert_array_equal(
                changed, np.arange(_SLOTS) == least[:, np.newaxis]
            )

    def test_heads_write_to_slots_of_their_own(self):
        cell = _cell(heads=3, alpha=-1e3)
        history, _ = _run(cell, _inputs(1))
        kernel, bias = cell.keys.get_weights()
        keys = np.tanh(history[1][0] @ kernel + bias)
        np.testing.assert_allclose(
            history[1][3][:, :3], keys.reshape(_BATCH, 3, _WIDTH)
        )
        self.assertFalse(history[1][3][:, 3:].any())

    def test_with_the_gate_open_it_writes_where_it_read(self):
        """sigmoid(alpha) = 1: the least used slot is erased, all the same."""
        cell = _cell(heads=1, alpha=1e3)
        history, _ = _run(cell, _inputs(4))
        *_, memory, w_r, w_u = history[3]
        memory = memory.copy()
        memory[np.arange(_BATCH), np.argmin(w_u, axis=1)] = 0
        kernel, bias = cell.keys.get_weights()
        keys = np.tanh(history[4][0] @ kernel + bias)
        np.testing.assert_allclose(
            history[4][3],
            memory + w_r[:, 0, :, np.newaxis] * keys[:, np.newaxis],
        )

    def test_weights_sum_up(self):
        cell = _cell(heads=2)
        usage = 0.0
        for _, _, _, _, w_r, w_u in _run(cell, _inputs(8))[0][1:]:
            np.testing.assert_allclose(w_r.sum(-1), 1)
            # Each head reads 1 and writes 1.
            usage = _DECAY * usage + 4
            np.testing.assert_allclose(w_u.sum(-1), usage)


class KerasTest(parameterized.TestCase):
    def test_sizes(self):
        cell = _cell(heads=3)
        reads, slots = 3 * _WIDTH, _SLOTS
        self.assertEqual(
            cell.state_size,
            [_UNITS, _UNITS, reads, slots * _WIDTH, 3 * slots, slots],
        )
        self.assertEqual(cell.output_size, _UNITS + reads)

    def test_in_an_rnn_layer_of_a_saved_model(self):
        cell = _cell()
        inputs = _inputs(7)
        outputs = np.stack(_run(cell, inputs)[1], axis=1)
        model = keras.Sequential(
            [
                keras.Input((None, _FEATURES)),
                keras.layers.RNN(cell, return_sequences=True),
            ]
        )
        sequences = inputs.swapaxes(0, 1)
        np.testing.assert_allclose(model(sequences), outputs)
        path = f"{self.create_tempdir().full_path}/model.keras"
        model.save(path)
        np.testing.assert_allclose(
            keras.saving.load_model(path)(sequences), outputs
        )


class BadInputTest(parameterized.TestCase):
    @parameterized.parameters(
        ({"units": 0}, "units=0: expected a positive"),
        ({"slots": 0}, "slots=0: expected a positive"),
        ({"width": 0}, "width=0: expected a positive"),
        ({"heads": 0}, "heads=0: expected a positive"),
        ({"slots": 3, "heads": 4}, "heads=4: expected at most slots=3"),
        ({"usage_decay": 1.5}, r"usage_decay=1.5: expected a number in \[0, 1"),
    )
    def test_arguments(self, arguments, message):
        with self.assertRaisesRegex(errors.InputError, message):
            memory_augmented.MemoryAugmentedCell(**({"units": 3} | arguments))


if __name__ == "__main__":
    absltest.main()
