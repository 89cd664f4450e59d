"""Copies of the compiled metrics for a second kind of prediction."""

from collections.abc import Sequence

import keras


class QueryMetrics:
    """Metrics under a suffix, e.g. `accuracy_before_adaptation`.

    Keras keeps one set of compiled metrics per model; scoring the same queries
    a second way takes a second set. It lives in a bare model, which resolves
    names such as `"accuracy"` as the learner's own `compile` does.

    Args:
        metrics: Keras metrics, functions or names, as given to `compile`.
        suffix: what the names of the copies end on.
    """

    def __init__(self, metrics: Sequence, suffix: str):
        self._suffix = suffix
        self._model = keras.Model(name=suffix)
        self._model.compile(metrics=[_copy(metric) for metric in metrics])

    def build(self, y, predictions) -> None:
        """Makes the metrics' state, see `build`."""
        build(self._model, y, predictions)

    def update(self, y, predictions) -> dict:
        """Adds a batch and returns the results so far, by suffixed name."""
        results = self._model.compute_metrics(None, y, predictions)
        return {
            f"{name}_{self._suffix}": value
            for name, value in results.items()
            if name != "loss"
        }

    def reset(self) -> None:
        """Forgets all batches."""
        self._model.reset_metrics()


def build(model: keras.Model, y, predictions) -> None:
    """Makes the state of a model's compiled metrics, if it has some.

    Args:
        model: a compiled model.
        y: labels `[tasks, queries, ...]`, or their symbolic tensor.
        predictions: `[tasks, queries, ...]`, likewise.
    """
    # Keras has no public way to do it without a batch of data.
    metrics = model._compile_metrics
    if metrics is not None and not metrics.built:
        metrics.build(y, predictions)


def _copy(metric):
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
