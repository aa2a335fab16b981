"""Losses of a batch, and the L2 penalty on the weights.

`forward` returns the mean loss and leaves dL/d(outputs) in `gradient`. A batch may be split into chunks: with `total`
the `weight` of the whole batch's labels, the losses and gradients of the chunks add up to those of the batch.
"""

from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]  # by a name such as "0/kernel"


def softmax(logits: np.ndarray) -> np.ndarray:
    """p_k = exp(z_k) / sum_j exp(z_j), per row; subtracting the largest z only prevents overflow."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def one_hot(labels: np.ndarray, classes: int, dtype: np.dtype) -> np.ndarray:
    """Return (N, classes): each row has a 1 at its label, from labels (N,), and zeros elsewhere."""
    return (labels[:, None] == np.arange(classes)).astype(dtype)


@dataclass(eq=False)
class SoftmaxCrossEntropy:
    """L = -sum_k t_k log softmax(z)_k, and dL/dz = softmax(z) - t. Outputs are logits (N, classes), labels int (N,).

    Attributes:
        label_smoothing: s turns the target t into (1 - s) one_hot + s / classes (Szegedy et al. 2016, section 7).
        class_weights: one per class; the mean is then weighted.
    """

    label_smoothing: float = 0.0
    class_weights: list[float] | None = None

    def weight(self, labels: np.ndarray) -> float:
        """Return what the summed loss is divided by: the number of labels, or the sum of their class weights."""
        return float(self._weights(labels).sum())

    def forward(self, logits: np.ndarray, labels: np.ndarray, total: float | None = None) -> float:
        classes = logits.shape[1]
        smoothing = self.label_smoothing
        target = one_hot(labels, classes, logits.dtype) * (1 - smoothing) + smoothing / classes
        shifted = logits - logits.max(1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        share = (self._weights(labels) / (total or self.weight(labels))).astype(logits.dtype)
        self.gradient = share[:, None] * (np.exp(log_p) - target)
        return float(-(share * (target * log_p).sum(1)).sum())

    def _weights(self, labels: np.ndarray) -> np.ndarray:
        return np.ones(len(labels)) if self.class_weights is None else np.array(self.class_weights)[labels]


@dataclass(eq=False)
class MSE:
    """L = mean over classes of (y_k - t_k)^2 with t the one-hot label, and dL/dy = 2 (y - t) / classes."""

    def weight(self, labels: np.ndarray) -> float:
        """Return what the summed loss is divided by."""
        return float(len(labels))

    def forward(self, outputs: np.ndarray, labels: np.ndarray, total: float | None = None) -> float:
        difference = outputs - one_hot(labels, outputs.shape[1], outputs.dtype)
        share = 1 / (outputs.shape[1] * (total or self.weight(labels)))
        self.gradient = 2 * share * difference
        return float((difference**2).sum() * share)


@dataclass(frozen=True)
class L2:
    """Penalty strength / 2 x sum of w^2 over the trainable arrays, added to the loss; its gradient is strength x w.

    With `everything` False, biases and batch normalisation (one-dimensional arrays) are exempt.
    """

    strength: float
    everything: bool = True

    def penalty(self, parameters: Arrays) -> float:
        return sum(self.strength / 2 * float((w**2).sum()) for w in parameters.values() if self.covers(w))

    def covers(self, w: np.ndarray) -> bool:
        """Return whether `w` is penalised."""
        return self.everything or w.ndim > 1

    def gradient(self, w: np.ndarray) -> np.ndarray:
        return self.strength * w
