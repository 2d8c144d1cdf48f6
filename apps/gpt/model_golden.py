#!/usr/bin/python3
"""Computes what model_test.cc expects of a small Gpt, by NumPy and one query after the other."""

import math

import numpy as np

VOCABULARY, WIDTH, HEADS, LAYERS, BLOCK = 5, 4, 2, 2, 6
IDS = np.array([[0, 3, 1, 4, 2], [2, 2, 0, 1, 3]])

parameters = 0


def parameter(*shape):
    """The next parameter in the model's order: 0.5 sin(number + element)."""
    global parameters
    values = 0.5 * np.sin(np.arange(math.prod(shape)) + parameters)
    parameters += 1
    return values.reshape(shape)


def norm(x, weight, bias):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def attention(q, k, v):
    """Of one head of one sequence, (time, features) each."""
    out = np.zeros_like(v)
    for i in range(len(q)):
        p = np.exp(k[: i + 1] @ q[i] / math.sqrt(len(q[i])))
        out[i] = p / p.sum() @ v[: i + 1]
    return out


class Block:
    def __init__(self):
        self.in_weight, self.in_bias = parameter(3 * WIDTH, WIDTH), parameter(3 * WIDTH)
        self.out_weight, self.out_bias = parameter(WIDTH, WIDTH), parameter(WIDTH)
        self.weight1, self.bias1 = parameter(4 * WIDTH, WIDTH), parameter(4 * WIDTH)
        self.weight2, self.bias2 = parameter(WIDTH, 4 * WIDTH), parameter(WIDTH)
        self.norm1 = parameter(WIDTH), parameter(WIDTH)
        self.norm2 = parameter(WIDTH), parameter(WIDTH)

    def __call__(self, x):
        parts = np.split(norm(x, *self.norm1) @ self.in_weight.T + self.in_bias, 3, axis=-1)
        heads = [np.split(part, HEADS, axis=-1) for part in parts]
        together = np.concatenate([attention(*head) for head in zip(*heads)], axis=-1)
        x = x + together @ self.out_weight.T + self.out_bias
        hidden = gelu(norm(x, *self.norm2) @ self.weight1.T + self.bias1)
        return x + hidden @ self.weight2.T + self.bias2


def main():
    tokens, positions = parameter(VOCABULARY, WIDTH), parameter(BLOCK, WIDTH)
    blocks = [Block() for _ in range(LAYERS)]
    last = parameter(WIDTH), parameter(WIDTH)
    head = parameter(VOCABULARY, WIDTH)
    np.set_printoptions(precision=14)
    for ids in IDS:
        x = tokens[ids] + positions[: len(ids)]
        for block in blocks:
            x = block(x)
        print(norm(x, *last) @ head.T)


if __name__ == "__main__":
    main()
