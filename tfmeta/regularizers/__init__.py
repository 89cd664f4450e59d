"""Regularizers that are not layers."""

from tfmeta.regularizers.taml import (
    TAMLEntropy,
    TAMLInequality,
    TaskRegularizer,
)

__all__ = ["TAMLEntropy", "TAMLInequality", "TaskRegularizer"]
