"""The training step of the paper and its authors' code, slowly and literally: NumPy, float64, derivatives by hand.

Nothing here comes from the package or from a library of networks. A layer is a function that returns its output and
a function that turns the derivative of the loss by the output into that by the input, and adds those by its own
weights to ``grads``. Weights go by the names that they have in the package's state. Conditional networks work on
images in [0, 1], the others in [-1, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

EPSILON = 1e-8
SLOPE = 0.2


class Plan(NamedTuple):
    """What the weights do not say: the strides of D's convolutions, and the side of the smallest maps."""

    strides: tuple[int, ...]
    base: int


def convolution(x, w, stride, grads, name):
    """Correlate maps (N, C, H, W) with (O, C, k, k), padded by k // 2, one place of the output at a time."""
    kernel, side = w.shape[2], x.shape[2]
    pad = kernel // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    places = [(i, j) for i in range(side // stride) for j in range(side // stride)]
    y = np.zeros((len(x), len(w), side // stride, side // stride))
    for i, j in places:
        patch = padded[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
        y[:, :, i, j] = np.tensordot(patch, w, ([1, 2, 3], [1, 2, 3]))

    def back(dy):
        dw, dx = np.zeros_like(w), np.zeros_like(padded)
        for i, j in places:
            window = (..., slice(i * stride, i * stride + kernel), slice(j * stride, j * stride + kernel))
            dw += np.tensordot(dy[:, :, i, j], padded[window], ([0], [0]))
            dx[window] += np.tensordot(dy[:, :, i, j], w, ([1], [0]))
        grads[name] = grads.get(name, 0) + dw
        return dx[:, :, pad : pad + side, pad : pad + side]

    return y, back


def transposed_convolution(x, w, stride, grads, name):
    """Let every place of maps (N, C, H, W) lay a copy of (C, O, k, k), times its value, on an output of stride * H."""
    kernel, side = w.shape[2], x.shape[2]
    pad, out = kernel // 2, stride * side
    places = [(i, j) for i in range(side) for j in range(side)]
    laid = np.zeros((len(x), w.shape[1], out + kernel, out + kernel))
    for i, j in places:
        window = (..., slice(i * stride, i * stride + kernel), slice(j * stride, j * stride + kernel))
        laid[window] += np.tensordot(x[:, :, i, j], w, ([1], [0]))

    def back(dy):
        d = np.zeros_like(laid)
        d[:, :, pad : pad + out, pad : pad + out] = dy
        dw, dx = np.zeros_like(w), np.zeros_like(x)
        for i, j in places:
            patch = d[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            dw += np.tensordot(x[:, :, i, j], patch, ([0], [0]))
            dx[:, :, i, j] = np.tensordot(patch, w, ([1, 2, 3], [1, 2, 3]))
        grads[name] = grads.get(name, 0) + dw
        return dx

    return laid[:, :, pad : pad + out, pad : pad + out], back


def linear(x, w, grads, name):
    """Multiply units (N, in) with (out, in)."""

    def back(dy):
        grads[name] = grads.get(name, 0) + dy.T @ x
        return dy @ w

    return x @ w.T, back


def batch_norm(x, w, grads, name):
    """Normalise units, or maps, by the batch's mean and biased variance; with gain and shift where there are any."""
    over = (0,) if x.ndim == 2 else (0, 2, 3)
    wide = (1, -1) if x.ndim == 2 else (1, -1, 1, 1)
    mean = x.mean(over, keepdims=True)
    deviation = np.sqrt(((x - mean) ** 2).mean(over, keepdims=True) + EPSILON)
    normal = (x - mean) / deviation
    learned = f"{name}.weight" in w
    gain = w[f"{name}.weight"].reshape(wide) if learned else 1.0
    shift = w[f"{name}.bias"].reshape(wide) if learned else 0.0

    def back(dy):
        if learned:
            grads[f"{name}.weight"] = grads.get(f"{name}.weight", 0) + (dy * normal).sum(over)
            grads[f"{name}.bias"] = grads.get(f"{name}.bias", 0) + dy.sum(over)
        dn = dy * gain
        return (dn - dn.mean(over, keepdims=True) - normal * (dn * normal).mean(over, keepdims=True)) / deviation

    return normal * gain + shift, back


def relu(x, slope=0.0):
    factor = np.where(x > 0, 1.0, slope)
    return x * factor, lambda dy: dy * factor


def tanh(x):
    y = np.tanh(x)
    return y, lambda dy: dy * (1 - y**2)


def sigmoid(x):
    y = 1 / (1 + np.exp(-x))
    return y, lambda dy: dy * y * (1 - y)


def join(x, labels, classes):
    """Put the one-hot labels after the units, or after the maps as maps that are 1 or 0 everywhere."""
    if labels is None:
        return x, lambda dy: dy
    code = np.zeros((len(x), classes))
    code[np.arange(len(x)), labels] = 1
    if x.ndim == 4:
        code = code[:, :, None, None] * np.ones((1, 1, *x.shape[2:]))
    return np.concatenate([x, code], axis=1), lambda dy: dy[:, : x.shape[1]]


class Chain:
    """Layers one after the other, forwards and then backwards."""

    def __init__(self, x):
        self.x, self.backs = x, []

    def __call__(self, layer, *arguments):
        self.x, back = layer(self.x, *arguments)
        self.backs.append(back)

    def reshape(self, *shape):
        before = self.x.shape
        self.x = self.x.reshape(shape)
        self.backs.append(lambda dy: dy.reshape(before))

    def back(self, dy):
        for back in reversed(self.backs):
            dy = back(dy)
        return dy


def generator(w, plan, z, grads, labels=None, classes=0):
    """Images of z, and the way back."""
    h, strides = Chain(z), plan.strides[::-1]
    if labels is not None:
        h(join, labels, classes)
        h(linear, w["hidden.weight"], grads, "hidden.weight")
        h(batch_norm, w, grads, "hidden_norm")
        h(relu)
    h(join, labels, classes)
    h(linear, w["project.weight"], grads, "project.weight")
    h(batch_norm, w, grads, "project_norm")
    h(relu)
    h.reshape(len(z), -1, plan.base, plan.base)
    for k, stride in enumerate(strides):
        h(join, labels, classes)
        h(transposed_convolution, w[f"convs.{k}.weight"], stride, grads, f"convs.{k}.weight")
        if k < len(strides) - 1:
            h(batch_norm, w, grads, f"norms.{k}")
            h(relu)
    h(tanh if labels is None else sigmoid)
    return h.x, h.back


def discriminator(w, plan, x, grads, labels=None, classes=0):
    """Logits of images, and the way back."""
    h = Chain(x)
    for k, stride in enumerate(plan.strides):
        h(join, labels, classes)
        h(convolution, w[f"convs.{k}.weight"], stride, grads, f"convs.{k}.weight")
        if k:
            h(batch_norm, w, grads, f"norms.{k - 1}")
        h(relu, SLOPE)
    h.reshape(len(x), -1)
    if labels is not None:
        h(join, labels, classes)
        h(linear, w["hidden.weight"], grads, "hidden.weight")
        h(batch_norm, w, grads, "hidden_norm")
        h(relu, SLOPE)
    h(join, labels, classes)
    h(linear, w["logit.weight"], grads, "logit.weight")
    h.reshape(len(x))
    return h.x, h.back


def cross_entropy(logits, target):
    """Mean of -log p of being ``target``, with p by the logistic function, and its derivative by the logits."""
    p = 1 / (1 + np.exp(-logits))
    return -np.log(p if target else 1 - p).mean(), (p - target) / len(logits)


class Adam:
    """Kingma and Ba's algorithm 1 with L2 added to the gradient, and epsilon outside the root (authors' code).

    The authors also let beta1 decay by a factor of 1 - 1e-8 a step, which is 1 in their float32.
    """

    def __init__(self, beta1, beta2, epsilon, l2):
        self.beta1, self.beta2, self.epsilon, self.l2 = beta1, beta2, epsilon, l2
        self.t, self.m, self.v = 0, {}, {}

    def step(self, w, grads, rate):
        self.t += 1
        assert w.keys() == grads.keys()
        for name in w:
            g = grads[name] + self.l2 * w[name]
            self.m[name] = self.beta1 * self.m.get(name, 0) + (1 - self.beta1) * g
            self.v[name] = self.beta2 * self.v.get(name, 0) + (1 - self.beta2) * g**2
            m = self.m[name] / (1 - self.beta1**self.t)
            v = self.v[name] / (1 - self.beta2**self.t)
            w[name] = w[name] - rate * m / (np.sqrt(v) + self.epsilon)


class Training:
    """Both networks and their optimisers; images and z, both NumPy, are given to every step."""

    def __init__(self, g, d, plan, settings, classes=0):
        self.g, self.d, self.plan, self.classes = g, d, plan, classes
        given = (settings.beta1, settings.beta2, settings.adam_epsilon, settings.weight_decay)
        self.adam_g, self.adam_d = Adam(*given), Adam(*given)

    def loss_d(self, real, z, labels=None, together=False):
        """Loss of D and its gradients; ``together`` is what the recipe is not: one batch norm for both batches."""
        grads = {}
        fake, _ = generator(self.g, self.plan, z, {}, labels, self.classes)
        if together:
            twice = None if labels is None else np.concatenate([labels, labels])
            images = np.concatenate([real, fake])
            logits, back = discriminator(self.d, self.plan, images, grads, twice, self.classes)
            (one, d_one), (two, d_two) = cross_entropy(logits[: len(real)], 1), cross_entropy(logits[len(real) :], 0)
            back(np.concatenate([d_one, d_two]))
            return one + two, grads
        on_real, back_real = discriminator(self.d, self.plan, real, grads, labels, self.classes)
        on_fake, back_fake = discriminator(self.d, self.plan, fake, grads, labels, self.classes)
        (one, d_one), (two, d_two) = cross_entropy(on_real, 1), cross_entropy(on_fake, 0)
        back_real(d_one)
        back_fake(d_two)
        return one + two, grads

    def loss_g(self, z, labels=None):
        """Loss of G and its gradients."""
        grads = {}
        fake, back_g = generator(self.g, self.plan, z, grads, labels, self.classes)
        logits, back_d = discriminator(self.d, self.plan, fake, {}, labels, self.classes)
        loss, d_logits = cross_entropy(logits, 1)
        back_g(back_d(d_logits))
        return loss, grads

    def update_d(self, real, z, rate, labels=None, together=False):
        loss, grads = self.loss_d(real, z, labels, together)
        self.adam_d.step(self.d, grads, rate)
        return loss

    def update_g(self, z, rate, labels=None):
        loss, grads = self.loss_g(z, labels)
        self.adam_g.step(self.g, grads, rate)
        return loss
