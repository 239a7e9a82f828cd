"""
Which way a column pushes
=========================

An importance says how much a column matters, and neither which way it pushes a prediction nor where. Gradients of the
fitted function say both: its slopes at each row, and what each column contributes to the prediction of a row.
"""

# %%
# A table with a known answer
# ---------------------------
#
# Rents rise with the area, but less per square metre in large flats; they fall with the distance from the centre, and
# more so in the suburbs of the north. The number of the house does not matter.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from rfmlearn import RFMRegressor
from rfmlearn.inspection import SlopeDisplay, local_importances

rng = np.random.default_rng(0)
n = 800
X = pd.DataFrame(
    {
        "area": rng.uniform(20, 150, n),
        "distance": rng.gamma(2.0, 3.0, n),
        "side": rng.choice(["north", "south"], n),
        "age": np.where(rng.random(n) < 0.2, np.nan, rng.uniform(0, 100, n)),
        "number": rng.integers(1, 200, n),
    }
)
fall = np.where(X["side"] == "north", 40, 10)
rent = 110 * np.sqrt(X["area"]) - fall * X["distance"] - 2 * X["age"].fillna(30) + rng.normal(0, 20, n)
model = RFMRegressor(random_state=0).fit(X, rent)

# %%
# Slopes
# ------
#
# A point is a row, and its place the derivative of the predicted rent: by a square metre, a kilometre, a year. Another
# square metre is worth most in small flats, so the colours of the area are in order. A kilometre costs about 40 in the
# north and 10 in the south: two heaps, of all colours, as another column decides. Years cost 2 wherever they are known,
# and the slope by a missing number is zero.

SlopeDisplay.from_estimator(model, X)
plt.show()

# %%
# Contributions
# -------------
#
# For each row what the columns add to the prediction of the mean row, in units of rent. Categories have shares too,
# and are gray. Here the area has the largest part, the colours of which are in order: larger flats cost more.

# sphinx_gallery_thumbnail_number = 2
SlopeDisplay.from_estimator(model, X, kind="importance")
plt.show()

# %%
# One flat
# --------
#
# The contributions of a row sum to the difference between its prediction and that of the baseline. The error that is
# stated is of how they are shared among the columns.

values, error = local_importances(model, X[:3], background=X, return_error=True)
table = pd.DataFrame(values, columns=X.columns).round(1)
table["sum"] = values.sum(axis=1).round(1)
table["prediction"] = model.predict(X[:3]).round(1)
table["error"] = error.round(2)
print(table.to_string())
