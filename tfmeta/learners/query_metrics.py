"""Copies of the compiled metrics for a second kind of prediction."""

from collections.abc import Sequence

import keras

from tfmeta.training import metric_state


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
        """Makes the metrics' state, see `metric_state.build`."""
        metric_state.build(self._model, y, predictions)

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


def _copy(metric):
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
