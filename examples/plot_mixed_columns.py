"""
Numbers, categories and gaps
============================

A table as it comes out of a database: numbers in different units, strings, an ordered category, and cells that are
empty, some of them for a reason. The model takes the data frame as it is.
"""

# %%
# The table
# ---------
#
# Rents of 1,200 flats, generated so that the truth is known. The rent of a square metre depends on the district, more
# in old houses than in new ones; a lift is worth something above the second floor only; and owners who do not tell the
# year of the kitchen have an old one. Last come two columns that mean nothing: a number, and an agent.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from rfmlearn import RFMRegressor
from rfmlearn.inspection import FeatureImportanceDisplay

rng = np.random.default_rng(0)
n = 1200
area = rng.gamma(9.0, 8.0, n)
district = rng.choice(["Centre", "Harbour", "Hill", "North", "West"], n)
built = rng.choice(["before 1920", "1920 to 1980", "after 1980"], n)
floor = rng.integers(0, 8, n)
lift = rng.random(n) < 0.5
kitchen_age = rng.exponential(10.0, n)
rate = pd.Series(district).map({"Centre": 16.0, "Harbour": 11.0, "Hill": 14.0, "North": 9.0, "West": 10.0}).to_numpy()
rate = rate + np.where((built == "before 1920") & np.isin(district, ["Centre", "Hill"]), 3.0, 0.0)
rate = rate + np.where(lift, 1.5, -1.5) * (floor > 2) - 0.06 * kitchen_age
y = rate * area**0.9 + rng.normal(0.0, 25.0, n)

kitchen_age[kitchen_age > rng.uniform(5.0, 40.0, n)] = np.nan  # the older, the more often untold
area[rng.random(n) < 0.05] = np.nan  # lost at random
X = pd.DataFrame(
    {
        "area": area,
        "district": pd.array(district, dtype="str"),
        "built": pd.Categorical(built, ["before 1920", "1920 to 1980", "after 1980"], ordered=True),
        "floor": floor,
        "lift": lift,
        "kitchen_age": kitchen_age,
        "lucky_number": rng.normal(size=n),
        "agent": pd.Categorical(rng.choice(list("ABCDEFGH"), n)),
    }
)
X.head()

# %%
# Fitting needs no preprocessing
# ------------------------------
#
# The types of the columns say what is a category. Missing numbers get an indicator each, so that a gap can mean
# something. A linear model needs a pipeline for the same table, and gradient boosting wants strings made categories.

X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=600, random_state=0)

is_number = make_column_selector(dtype_include="number")
is_category = make_column_selector(dtype_exclude="number")
linear = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), is_number),
        (OneHotEncoder(handle_unknown="ignore"), is_category),
    ),
    RidgeCV(),
)
boosting = make_pipeline(
    FunctionTransformer(lambda X: X.astype({"district": "category"})), HistGradientBoostingRegressor(random_state=0)
)
model = RFMRegressor(random_state=0)
for name, estimator in (("ridge regression", linear), ("gradient boosting", boosting), ("RFMRegressor", model)):
    print(f"{name:17} R2 {estimator.fit(X_train, y_train).score(X_test, y_test):.3f}")

# %%
# Coordinates
# -----------
#
# A number that varies is one coordinate, its indicator another if it has gaps, and each level of a category is one.
# ``coordinate_names_`` names the rows of ``agop_``, and ``coordinate_columns_`` says to which column they belong.

print(", ".join(model.coordinate_names_))

# %%
# ``feature_importances_`` adds the coordinates of each column up. The two meaningless columns come last, but not with
# zero: a fitted function always depends a little on noise. How much is noise is told by shuffled copies of the columns,
# fitted beside the originals: a column whose bar does not reach beyond that of its own copy has shown nothing.

display = FeatureImportanceDisplay.from_estimator(model, X_train, y_train, n_repeats=3, random_state=0)
print("above the noise:", ", ".join(np.asarray(display.names)[display.above_noise]))
plt.show()

# %%
# Levels never seen
# -----------------
#
# A district that was not in the training rows counts as missing. No error, and a prediction between those of the
# districts known.

flat = X_test[:1].assign(area=70.0, district="Island")
print("Island ", model.predict(flat).round(0))
for name in ("Centre", "North"):
    print(f"{name:7}", model.predict(flat.assign(district=name)).round(0))
