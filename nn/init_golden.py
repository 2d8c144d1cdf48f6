#!/usr/bin/python3
"""Writes what PyTorch's deterministic initializers give, for init_golden_test.cc:

    nn/init_golden.py > nn/init_golden.txt

Needs Debian's python3-torch. Each line is a call and its result:

    gain NONLINEARITY SLOPE = NUMBER
    fans EXTENTS = FAN_IN FAN_OUT
    eye EXTENTS = POSITIONS       of the ones in row-major order; all else is zero
    dirac GROUPS EXTENTS = POSITIONS
"""

import random

import torch
from torch.nn import init

LINEAR = ["linear", "sigmoid"] + [f"{kind}{d}d" for kind in ("conv", "conv_transpose") for d in (1, 2, 3)]


def text(numbers):
    return " ".join(str(n) for n in numbers)


def positions_of_ones(x):
    flat = x.flatten()
    assert ((flat == 0) | (flat == 1)).all()
    return text(flat.nonzero().flatten().tolist())


def main():
    draw = random.Random(1)
    for name in LINEAR + ["tanh", "relu", "selu"]:
        print(f"gain {name} 0 = {init.calculate_gain(name)!r}")
    for slope in [0, 0.01, 0.2, 1, 5**0.5, -3]:
        print(f"gain leaky_relu {slope} = {init.calculate_gain('leaky_relu', slope)!r}")
    for rank in [2, 2, 3, 4, 4, 5, 6]:
        shape = [draw.randint(1, 9) for _ in range(rank)]
        print(f"fans {text(shape)} = {text(init._calculate_fan_in_and_fan_out(torch.empty(shape)))}")
    for shape in [(1, 1), (3, 3), (2, 5), (5, 2), (0, 3)]:
        print(f"eye {text(shape)} = {positions_of_ones(init.eye_(torch.empty(shape)))}")
    for rank in [3, 4, 5]:
        for groups in [1, 1, 2, 3]:
            shape = [groups * draw.randint(1, 4), draw.randint(1, 4)] + [draw.randint(1, 4) for _ in range(rank - 2)]
            ones = positions_of_ones(init.dirac_(torch.empty(shape), groups))
            print(f"dirac {groups} {text(shape)} = {ones}")


main()
