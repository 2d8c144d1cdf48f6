#!/usr/bin/python3
"""Writes the rates of PyTorch's schedules, for lr_scheduler_golden_test.cc:

    nn/optim/lr_scheduler_golden.py > nn/optim/lr_scheduler_golden.txt

and of longer runs, for which the one-cycle schedules are stretched:

    nn/optim/lr_scheduler_golden.py --steps=1000 > /tmp/schedules.txt
    LR_SCHEDULER_GOLDEN=/tmp/schedules.txt bazel-bin/nn/optim/lr_scheduler_golden_test

Needs Debian's python3-torch. A line is a schedule and, after each "=", the rates of a group, or of the first
one the momenta ("m=") and every tenth value of its parameter ("p="), from epoch 0 on; "X*N" stands for N
times X:

    CLASS SETTING=VALUE ... [: CLASS SETTING=VALUE ...] = RATES = RATES m= MOMENTA p= VALUES

The optimizer is SGD, or Adam with the setting adam=1, in two groups with the rates 0.5 and 0.03; each has a
float64 parameter, 0 at first, with the gradient cos(epoch), radians, in the step to an epoch. "Chain" has
the schedules that follow on one optimizer, each stepped by hand. LambdaLR's functions are 1 / (1 + k epoch)
and, for the second group, 1 / (1 + 2 k epoch); the metric of ReduceLROnPlateau at epoch t is
(37 t % 100) / (10 + t).
"""

import argparse
import itertools
import math
import re
import warnings

import torch
from torch.optim import lr_scheduler

STEPS = 120  # what the settings are made for

CASES = [
    "StepLR step_size=30",
    "StepLR step_size=7 gamma=0.5",
    "StepLR step_size=1 gamma=0.97",
    "MultiStepLR milestones=30,80",
    "MultiStepLR milestones=1,2,50,119 gamma=0.5",
    "MultiStepLR milestones=10,20,40 gamma=1.5",
    "ConstantLR",
    "ConstantLR factor=0.25 total_iters=60",
    "ConstantLR factor=0.7 total_iters=1",
    "LinearLR",
    "LinearLR start_factor=0.01 total_iters=100",
    "LinearLR start_factor=1 end_factor=0 total_iters=77",
    "ExponentialLR gamma=0.95",
    "ExponentialLR gamma=0.5",
    "ExponentialLR gamma=1.01",
    "PolynomialLR",
    "PolynomialLR total_iters=100 power=2",
    "PolynomialLR total_iters=110 power=0.5",
    "LambdaLR k=0",
    "LambdaLR k=0.05",
    "LambdaLR k=3",
    "CosineAnnealingLR T_max=100",
    "CosineAnnealingLR T_max=13 eta_min=0.001",
    "CosineAnnealingLR T_max=1 eta_min=0.1",
    "CosineAnnealingWarmRestarts T_0=10",
    "CosineAnnealingWarmRestarts T_0=5 T_mult=2 eta_min=0.01",
    "CosineAnnealingWarmRestarts T_0=1 T_mult=3",
    "OneCycleLR max_lr=0.1 total_steps=120",
    "OneCycleLR max_lr=0.2,0.4 epochs=12 steps_per_epoch=10 anneal_strategy=linear three_phase=1",
    "OneCycleLR max_lr=0.1 total_steps=150 pct_start=0.5 div_factor=10 final_div_factor=100 adam=1",
    "OneCycleLR max_lr=0.1 total_steps=120 base_momentum=0.6,0.7 max_momentum=0.8 anneal_strategy=linear adam=1",
    "OneCycleLR max_lr=0.1 total_steps=120 cycle_momentum=0 three_phase=1 pct_start=0.2",
    "ReduceLROnPlateau patience=3",
    "ReduceLROnPlateau mode=max factor=0.5 patience=5 threshold=0.01 cooldown=4 min_lr=0.01,0.002",
    "ReduceLROnPlateau factor=0.7 patience=0 threshold=0.1 threshold_mode=abs cooldown=2 eps=0.0001",
    "SequentialLR milestones=10 : LinearLR start_factor=0.1 total_iters=10 : CosineAnnealingLR T_max=110",
    "SequentialLR milestones=5,50 : ConstantLR factor=0.5 total_iters=3 : StepLR step_size=9 gamma=0.3"
    " : CosineAnnealingWarmRestarts T_0=17",
    "SequentialLR milestones=40 : ExponentialLR gamma=0.9 : LambdaLR k=0.1",
    "SequentialLR milestones=20 : LinearLR : OneCycleLR max_lr=0.3 total_steps=100",
    "ChainedScheduler : ConstantLR factor=0.1 total_iters=20 : ExponentialLR gamma=0.9",
    "ChainedScheduler : LinearLR total_iters=10 : StepLR step_size=25 : MultiStepLR milestones=40,60 gamma=2",
    "ChainedScheduler : LinearLR start_factor=0.2 total_iters=30 : CosineAnnealingLR T_max=119 eta_min=0.0001",
    "Chain : ExponentialLR gamma=0.99 : StepLR step_size=40",
    "Chain : LinearLR total_iters=50 : PolynomialLR total_iters=100 power=1.5",
    "Chain : ReduceLROnPlateau patience=4 factor=0.5 : ExponentialLR gamma=0.98",
]

INTEGERS = ["step_size", "total_iters", "T_max", "T_0", "T_mult", "total_steps", "epochs", "steps_per_epoch", "patience", "cooldown"]


def setting(key, value):
    if key == "milestones":
        return [int(x) for x in value.split(",")]
    if key in INTEGERS:
        return int(value)
    if key in ("three_phase", "cycle_momentum"):
        return value == "1"
    if key in ("anneal_strategy", "mode", "threshold_mode"):
        return value
    numbers = [float(x) for x in value.split(",")]
    return numbers if len(numbers) > 1 else numbers[0]


def make(optimizer, text):
    name, *pairs = text.split()
    settings = {key: setting(key, value) for key, value in (pair.split("=") for pair in pairs)}
    settings.pop("adam", None)
    if name == "LambdaLR":
        k = settings["k"]
        return lr_scheduler.LambdaLR(optimizer, [lambda t: 1 / (1 + k * t), lambda t: 1 / (1 + 2 * k * t)])
    return getattr(lr_scheduler, name)(optimizer, **settings)


def stretched(case, steps):
    """The case with one-cycle schedules that last for so many steps."""
    case = re.sub(r"total_steps=(\d+)", lambda m: f"total_steps={max(steps, int(m[1]) * steps // STEPS)}", case)
    return re.sub(r" epochs=(\d+)", lambda m: f" epochs={-(-int(m[1]) * steps // STEPS)}", case)


def run(case, steps):
    groups = [{"params": [torch.zeros(1, dtype=torch.float64)], "lr": lr} for lr in (0.5, 0.03)]
    optimizer = torch.optim.Adam(groups) if "adam=1" in case else torch.optim.SGD(groups, 1, momentum=0.9)
    head, *parts = [part.strip() for part in case.split(":")]
    schedules = [make(optimizer, part) for part in parts]
    if head.startswith("SequentialLR"):
        schedules = [lr_scheduler.SequentialLR(optimizer, schedules, setting(*head.split()[1].split("=")))]
    elif head == "ChainedScheduler":
        schedules = [lr_scheduler.ChainedScheduler(schedules)]
    elif not parts:
        schedules = [make(optimizer, head)]
    columns = [[], [], [], []]
    for epoch in range(steps):
        if epoch > 0:
            for group in optimizer.param_groups:
                group["params"][0].grad = torch.full((1,), math.cos(epoch), dtype=torch.float64)
            optimizer.step()
            for schedule in schedules:
                if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
                    schedule.step(37 * epoch % 100 / (10 + epoch))
                else:
                    schedule.step()
        for column, group in zip(columns, optimizer.param_groups):
            column.append(group["lr"])
        first = optimizer.param_groups[0]
        columns[2].append(first["betas"][0] if "betas" in first else first["momentum"])
        if epoch % 10 == 0:
            columns[3].append(first["params"][0].item())
    return columns


def text(column):
    runs = [(f"{value:.10g}", len(list(same))) for value, same in itertools.groupby(column)]
    return " ".join(value if n == 1 else f"{value}*{n}" for value, n in runs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=STEPS)
    steps = parser.parse_args().steps
    warnings.simplefilter("ignore")
    for case in CASES if steps == STEPS else [stretched(case, steps) for case in CASES]:
        first, second, momenta, values = (text(column) for column in run(case, steps))
        print(f"{case} = {first} = {second} m= {momenta} p= {values}")


main()
