#!/usr/bin/python3
"""Scikit-learn beside `estate_value crossvalidate`, on the same folds of the sales in Ames.

Run by hand, with Debian's python3-sklearn and python3-pandas:

  bazel run -c opt //apps/estate_value -- crossvalidate --folds_file=folds.csv
  apps/estate_value/sklearn_folds.py folds.csv

Both models learn the logarithm of the price. Histogram gradient boosting has its default settings and is told
which columns are categories. Ridge regression sees what the program's network sees: numbers standardised,
long tails after ln(1 + x), bounded at 3 standard deviations, and categories as 0 and 1; its penalty is chosen by
leave-one-out on the other folds.
"""

import argparse
import pathlib

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

TARGET = "Sale_Price"


def boosting(train, test, prices):
    names = [name for name in train if train[name].dtype == object]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    encoder.fit(train[names])
    train, test = train.copy(), test.copy()
    train[names] = encoder.transform(train[names])
    test[names] = encoder.transform(test[names])
    model = HistGradientBoostingRegressor(
        random_state=0, categorical_features=[name in names for name in train]
    )
    return model.fit(train.astype(float), prices).predict(test.astype(float))


def ridge(train, test, prices):
    numbers = [name for name in train if train[name].dtype != object]
    names = [name for name in train if train[name].dtype == object]
    x, z = train[numbers].astype(float).copy(), test[numbers].astype(float).copy()
    for name in numbers:
        if x[name].min() >= 0 and x[name].skew() > 1:
            x[name], z[name] = np.log1p(x[name]), np.log1p(z[name].clip(lower=0))
    mean, std = x.mean(), x.std(ddof=0).replace(0, 1)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[names])
    x = np.hstack([((x - mean) / std).clip(-3, 3), encoder.transform(train[names])])
    z = np.hstack([((z - mean) / std).clip(-3, 3), encoder.transform(test[names])])
    return RidgeCV(alphas=np.logspace(-1, 3, 17)).fit(x, prices).predict(z)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folds", help="what --folds_file wrote")
    parser.add_argument(
        "--csv", default=pathlib.Path(__file__).parent / "data" / "ames.csv", help="the sales"
    )
    arguments = parser.parse_args()
    # As the program reads them: "None" is a category.
    houses = pd.read_csv(arguments.csv, keep_default_na=False)
    folds = pd.read_csv(arguments.folds).sort_values("row")["fold"].to_numpy()
    if len(folds) != len(houses):
        parser.error(f"{arguments.folds}: expected {len(houses)} rows, got {len(folds)}")
    dollars = houses.pop(TARGET).to_numpy(float)

    for name, predict in [("histogram gradient boosting", boosting), ("ridge regression", ridge)]:
        print(f"{name}\nfold  houses        MAE       RMSE       R2  R2 of log")
        rows = []
        for fold in np.unique(folds):
            test = folds == fold
            answers = predict(houses[~test], houses[test], np.log(dollars[~test]))
            rows.append(
                [
                    mean_absolute_error(dollars[test], np.exp(answers)),
                    mean_squared_error(dollars[test], np.exp(answers)) ** 0.5,
                    r2_score(dollars[test], np.exp(answers)),
                    r2_score(np.log(dollars[test]), answers),
                ]
            )
            print(f"{fold:<5} {test.sum():7}", "{:10.2f} {:10.2f} {:8.4f} {:10.4f}".format(*rows[-1]))
        mean = np.mean(rows, axis=0)
        print(f"mean  {len(houses):7}", "{:10.2f} {:10.2f} {:8.4f} {:10.4f}".format(*mean), flush=True)


if __name__ == "__main__":
    main()
