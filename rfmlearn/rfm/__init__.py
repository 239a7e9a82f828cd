"""Single machines: estimators of scikit-learn around the recursion."""
