"""The base of layers whose weights are distributions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from tfmeta import errors
from tfmeta.layers.variational import given_weights, posteriors
from tfmeta.layers.variational import lazy_distributions as tfd


def _default_posterior(**kwargs: Any) -> posteriors.MeanFieldNormal:
    """Makes a posterior function without a draw from Python's `random`.

    Keras' initializers take a seed from it when they are made, so that the
    first model after an import would have other weights than the next. It is no
    loss: each variable clones its initializer, and so takes a seed of its own.
    """
    state = random.getstate()
    try:
        return posteriors.MeanFieldNormal(**kwargs)
    finally:
        random.setstate(state)


DEFAULT_POSTERIOR = _default_posterior()
DEFAULT_PRIOR = posteriors.NormalPrior()
DEFAULT_DIVERGENCE = posteriors.KLDivergence()
DEFAULT_BIAS_POSTERIOR = _default_posterior(is_singular=True)


class VariationalLayer(keras.Layer):
    """A layer with a posterior and a prior over its kernel and bias.

    It brings `tfp.layers` to Keras 3: the arguments have the same names and
    take the same functions. (TFP's own layers are `tf_keras` layers: a Keras 3
    model refuses them or does not train them.)

    In training (`training=True`) each call draws weights anew, from a
    `keras.random.SeedGenerator` whose state is one of the layer's variables:
    the same state gives the same draw (but another one under XLA, whose normal
    numbers are not those of TensorFlow's kernels). At inference the weights
    are the posterior's means; `layer(x, training=True)` draws there, too.
    Keras' Dropout does all this alike, and like Dropout a loaded model starts
    its draws anew. (TFP's layers always draw.) The divergences of kernel and
    bias are among the layer's losses, once in a pass however often the model
    calls the layer, as Keras' regularizers are. (TFP's layers add them at each
    call.)

    Args:
        activation: Keras activation.
        kernel_posterior_fn: maps `(dtype, shape, name, trainable,
            add_variable_fn)` to the distribution of the kernel. It is called at
            each pass, and `add_variable_fn` returns the variables that it made
            at the first.
        kernel_posterior_tensor_fn: maps the posterior to the kernel, in
            training; by default it draws. An estimator that draws something
            else (the outputs, a perturbation of the kernel) gives it the
            distribution of that, as in TFP.
        kernel_prior_fn: as `kernel_posterior_fn`; None for no divergence.
        kernel_divergence_fn: maps `(posterior, prior, kernel)` to a scalar,
            such as `KLDivergence(weight=beta)`; None for no divergence.
        bias_posterior_fn: as for the kernel, by default a point mass; None for
            no bias.
        bias_posterior_tensor_fn: as for the kernel.
        bias_prior_fn: as for the kernel, by default None.
        bias_divergence_fn: as for the kernel.
        seed: integer seed of the draws; a random one if None.
        **kwargs: see `keras.Layer`.
    """

    def __init__(
        self,
        *,
        activation=None,
        kernel_posterior_fn: Callable = DEFAULT_POSTERIOR,
        kernel_posterior_tensor_fn: Callable | None = None,
        kernel_prior_fn: Callable | None = DEFAULT_PRIOR,
        kernel_divergence_fn: Callable | None = DEFAULT_DIVERGENCE,
        bias_posterior_fn: Callable | None = DEFAULT_BIAS_POSTERIOR,
        bias_posterior_tensor_fn: Callable | None = None,
        bias_prior_fn: Callable | None = None,
        bias_divergence_fn: Callable | None = DEFAULT_DIVERGENCE,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._functions = {
            "kernel_posterior_fn": kernel_posterior_fn,
            "kernel_posterior_tensor_fn": kernel_posterior_tensor_fn,
            "kernel_prior_fn": kernel_prior_fn,
            "kernel_divergence_fn": kernel_divergence_fn,
            "bias_posterior_fn": bias_posterior_fn,
            "bias_posterior_tensor_fn": bias_posterior_tensor_fn,
            "bias_prior_fn": bias_prior_fn,
            "bias_divergence_fn": bias_divergence_fn,
        }
        self._distribution_variables: dict[str, keras.Variable] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        # What the last pass added, past the tracking of attributes: Keras
        # forgets a pass' losses when the next one starts.
        self.__dict__["_divergences_of_pass"] = {}
        # What the network is given comes down to its layers, as `training`.
        self._register_call_context_args("given")

    def call(
        self,
        inputs,
        training=False,
        given: given_weights.GivenWeights | None = None,
    ):
        """Returns `activation(inputs kernel + bias)`.

        Args:
            inputs: as the kind of layer takes them.
            training: whether to draw the weights, or to take their means.
            given: posteriors or draws to take, whose divergences are not added
                to the layer's losses.
        """
        weights = {} if given is None else given.of(self)
        kernel_seed, bias_seed = self._seeds(training)
        outputs = self._product(inputs, kernel_seed, weights)
        return self.activation(self._add_bias(outputs, bias_seed, weights))

    def draw_weights(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Draws kernel and bias, where all examples of a call share them.

        Args:
            seed: `[2]`.

        Returns:
            The weights by their names, `"kernel"` and `"bias"`: those of a call
            with the seed generator in this state. Empty for estimators that
            draw for each example.
        """
        del seed
        return {}

    def divergences(self, draws: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        """Computes the divergences of kernel and bias, where they have some.

        Args:
            draws: of `draw_weights`, for divergences that need a draw.

        Returns:
            Scalars, which a pass adds to the layer's losses.
        """
        divergences = (
            self._divergence(weight, self.posterior(weight), draws.get(weight))
            for weight in self._shapes
        )
        return [value for value in divergences if value is not None]

    def _product(
        self,
        inputs: tf.Tensor,
        seed: tf.Tensor | None,
        given: Mapping[str, Any],
    ) -> tf.Tensor:
        """Multiplies by a kernel drawn from `seed`, or by its mean.

        Args:
            inputs: of the layer.
            seed: `[2]`; None for the mean.
            given: posteriors or draws to take, by the names of the weights.
        """
        raise NotImplementedError("an estimator defines the draw of the kernel")

    def _multiply(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the product of inputs and kernel, which is linear in both."""
        raise NotImplementedError("a kind of layer defines its product")

    def _sign_shape(self, values: tf.Tensor):
        """Returns the shape of Flipout's signs for inputs or outputs."""
        raise NotImplementedError("a kind of layer defines the signs' shape")

    def _build_distributions(
        self, kernel_shape: tuple[int, ...], bias_shape: tuple[int, ...]
    ) -> None:
        """Makes the variables of all distributions."""
        self._shapes = {"kernel": kernel_shape}
        if self._functions["bias_posterior_fn"] is not None:
            self._shapes["bias"] = bias_shape
        for weight in self._shapes:
            self.posterior(weight)
            self.prior(weight)

    def posterior(self, weight: str) -> tfd.Distribution:
        """Returns the posterior of `"kernel"` or `"bias"` as it is now."""
        return self._distribution(weight, "posterior")

    def posteriors(self) -> dict[str, tfd.Distribution]:
        """Returns the posteriors by their names."""
        return {weight: self.posterior(weight) for weight in self._shapes}

    def prior(self, weight: str) -> tfd.Distribution | None:
        """Returns the prior of `"kernel"` or `"bias"`, if it has one."""
        return self._distribution(weight, "prior")

    @property
    def distribution_variables(self) -> list[keras.Variable]:
        """The variables of posteriors and priors, trainable or not."""
        return list(self._distribution_variables.values())

    def _distribution(self, weight: str, role: str) -> Any:
        function = self._functions[f"{weight}_{role}_fn"]
        if function is None:
            return None
        return function(
            tf.as_dtype(self.variable_dtype),
            self._shapes[weight],
            f"{weight}_{role}",
            # Trainable, even if the layer is frozen now: it can be unfrozen.
            True,
            self._variable,
        )

    def _variable(self, name: str, shape, initializer=None, **kwargs):
        """Makes a variable at its first call; then returns its value."""
        if name not in self._distribution_variables:
            if isinstance(initializer, keras.Initializer):
                # An initializer gives the same values at each call: layers
                # that share a posterior function would all start alike.
                initializer = initializer.clone()
            self._distribution_variables[name] = self.add_weight(
                name=name,
                shape=tuple(shape),
                initializer=initializer,
                # The draw and the divergence are made at full precision.
                autocast=False,
                **kwargs,
            )
        return tf.convert_to_tensor(self._distribution_variables[name])

    def _draw(
        self,
        weight: str,
        distribution: tfd.Distribution,
        seed: tf.Tensor | None,
    ) -> tf.Tensor:
        """Returns a draw; the mean if there is no seed."""
        if seed is None:
            return distribution.mean()
        function = self._functions[f"{weight}_posterior_tensor_fn"]
        if function is None:
            return distribution.sample(seed=seed)
        return tf.convert_to_tensor(function(distribution))

    def _seeds(self, training) -> list[tf.Tensor | None]:
        """Returns this call's seeds for kernel and bias; none at inference."""
        if not training:
            return [None, None]
        return self._split(self.seed_generator.next())

    @staticmethod
    def _split(seed: tf.Tensor) -> list[tf.Tensor]:
        return tf.unstack(tf.random.split(tf.cast(seed, tf.int32), 2))

    def _normal_kernel(
        self, dtype, given: Mapping[str, Any]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns means and scales of a normal kernel; adds its divergence."""
        is_given = "kernel" in given
        posterior = given["kernel"] if is_given else self.posterior("kernel")
        normal = posterior
        if isinstance(posterior, tfd.Independent):
            normal = posterior.distribution
        if not isinstance(normal, tfd.Normal):
            raise errors.InputError(
                f"kernel_posterior_fn: {type(self).__name__} needs independent "
                f"tfd.Normal weights, got {normal.name!r}"
            )
        if not is_given:
            self._add_divergence("kernel", posterior, None)
        return tf.cast(normal.loc, dtype), tf.cast(normal.scale, dtype)

    def _add_divergence(
        self, weight: str, posterior: tfd.Distribution, draw: tf.Tensor | None
    ) -> None:
        added = self._divergences_of_pass.get(weight)
        if added is not None and any(loss is added for loss in self.losses):
            return
        divergence = self._divergence(weight, posterior, draw)
        if divergence is not None:
            self.add_loss(divergence)
            self._divergences_of_pass[weight] = divergence

    def _divergence(
        self, weight: str, posterior: tfd.Distribution, draw: tf.Tensor | None
    ) -> tf.Tensor | None:
        function = self._functions[f"{weight}_divergence_fn"]
        prior = self.prior(weight)
        if function is None or prior is None:
            return None
        return function(posterior, prior, draw)

    def _weight(
        self, weight: str, seed: tf.Tensor | None, given: Mapping[str, Any]
    ) -> tf.Tensor:
        """Returns the weight of this call; adds its divergence."""
        if weight in given:
            if isinstance(given[weight], tf.Tensor):
                return given[weight]
            return self._draw(weight, given[weight], seed)
        posterior = self.posterior(weight)
        draw = self._draw(weight, posterior, seed)
        self._add_divergence(weight, posterior, draw)
        return draw

    def _add_bias(
        self, outputs: tf.Tensor, seed, given: Mapping[str, Any]
    ) -> tf.Tensor:
        if "bias" not in self._shapes:
            return outputs
        bias = self._weight("bias", seed, given)
        return outputs + tf.cast(bias, outputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, serialized.

        Raises:
            InputError: if one of the functions is a lambda or a closure, for a
                saved model holds no code.
        """
        config = super().get_config()
        config["activation"] = keras.activations.serialize(self.activation)
        config["seed"] = self.seed
        for name, function in self._functions.items():
            # `<lambda>`, or `outer.<locals>.inner`.
            qualified_name = getattr(function, "__qualname__", "")
            if "<" in qualified_name:
                raise errors.InputError(
                    f"{name}: {qualified_name} cannot be saved; give an "
                    "object or function registered with "
                    "keras.saving.register_keras_serializable"
                )
            config[name] = keras.saving.serialize_keras_object(function)
        return config

    @classmethod
    def from_config(cls, config):
        """Rebuilds a layer from `get_config`."""
        config = {
            key: keras.saving.deserialize_keras_object(value)
            if key.endswith("_fn")
            else value
            for key, value in config.items()
        }
        return cls(**config)
