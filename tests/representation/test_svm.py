import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from dcgan_pipeline.representation.svm import fit_svm, predict


def objective(parameters, X, signs, C):
    """Half the squared weights, the intercept's too, plus C times the squared hinges; and its gradient."""
    w, b = parameters[:-1], parameters[-1]
    gap = np.maximum(0, 1 - signs * (X @ w + b))
    slope = -2 * C * gap * signs
    value = 0.5 * (parameters @ parameters) + C * (gap**2).sum()
    return value, parameters + np.append(slope @ X, slope.sum())


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("C", [1e-3, 0.1, 1.0])
def test_the_fit_minimises_the_squared_hinge_with_l2_one_class_against_the_rest(blobs, classes, C):
    X, y = blobs(120, classes, apart=2)
    model = fit_svm(X, y, C, seed=0)
    assert model.converged
    assert model.weight.shape == (classes, X.shape[1])
    X64 = X.astype(np.float64)
    for c in range(classes):
        signs = np.where(y == c, 1.0, -1.0)
        best = minimize(
            objective, np.zeros(X.shape[1] + 1), (X64, signs, C), jac=True, method="L-BFGS-B", options={"gtol": 1e-9}
        )
        found, _ = objective(np.append(model.weight[c], model.bias[c]).astype(np.float64), X64, signs, C)
        assert found == pytest.approx(best.fun, rel=1e-3)  # liblinear's tolerance is 1e-4
        assert found >= best.fun * (1 - 1e-6)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_predictions_are_those_of_scikit_learn(blobs, classes):
    X, y = blobs(200, classes, apart=1.5)
    test, _ = blobs(300, classes, apart=1.5, seed=1)
    # float32 weights, as here, may decide otherwise on a boundary; these points are not on one.
    theirs = LinearSVC(C=0.1, dual="auto", max_iter=10_000, random_state=0).fit(X, y)
    np.testing.assert_array_equal(predict([fit_svm(X, y, 0.1, 0)], test)[0], theirs.predict(test))


def test_several_models_predict_in_one_pass_as_each_alone(blobs):
    X, y = blobs(200, 3, apart=1)
    models = [fit_svm(X[part], y[part], C, 0) for part, C in ((slice(0, 80), 0.01), (slice(80, 200), 1.0))]
    together = predict(models, X)
    assert together.shape == (2, 200)
    np.testing.assert_array_equal(together, np.concatenate([predict([model], X) for model in models]))
    assert not np.array_equal(together[0], together[1])


def test_labels_need_not_start_at_zero_or_be_dense(blobs):
    X, y = blobs(200, 3, apart=8)
    names = np.array([3, 10, 42])
    np.testing.assert_array_equal(predict([fit_svm(X, names[y], 1.0, 0)], X)[0], names[y])


def test_a_fit_that_stops_early_is_reported_and_not_warned_of(blobs, recwarn):
    X, y = blobs(60, 3, apart=0)
    wild = np.concatenate([X * 1e4, X[:, ::-1] * 1e-4], axis=1).repeat(10, axis=1)[
        :40
    ]  # the dual solver creeps on this
    assert not fit_svm(wild, y[:40], 1e3, 0).converged
    assert not recwarn.list


def test_the_same_seed_gives_the_same_model(blobs):
    X, y = blobs(40, 3, apart=1, dimensions=60)  # more features than images: the random order of the dual solver
    one, two = fit_svm(X, y, 1.0, 5), fit_svm(X, y, 1.0, 5)
    np.testing.assert_array_equal(one.weight, two.weight)
    np.testing.assert_array_equal(one.bias, two.bias)
