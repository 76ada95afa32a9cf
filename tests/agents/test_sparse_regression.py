"""Sparse regression: what is found is there, and what is not there is not claimed."""

import contextlib
import csv
import io
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from operando.agents.regression_config import RegressionConfig
from operando.agents.regression_paths import (
    Penalty,
    Scale,
    blocks,
    cross_predict,
    interleaved,
    one_out,
    path,
    predict_path,
)
from operando.agents.regression_table import (
    RegressionTable,
    published_path,
    published_table,
    read_table,
)
from operando.agents.sparse_regression import largest, regress
from operando.errors import BadInput


def made_table(x, y, **more):
    return RegressionTable(tuple(f"v{i}" for i in range(x.shape[1])), x, "y", y, **more)


@pytest.fixture(scope="module")
def published():
    return regress(published_table())


def test_published_table(published):
    lasso, net = published.lasso, published.elastic_net
    assert lasso.loo_r2 >= 0.990
    assert net.loo_r2 >= 0.970
    for fit in (lasso, net):
        assert largest(published.table.names, fit.coefficients) == "Ni_LCF130"
        assert 0.98 < fit.nested_r2 < fit.loo_r2
        assert fit.block_r2 > 0.9
    assert published.baseline_r2 == pytest.approx(0.983, abs=0.0005)
    assert published.baseline_block_r2 < lasso.block_r2
    assert published.shuffled.p_value == pytest.approx(1 / 200)
    frequency = dict(zip(published.table.names, published.stability.frequency, strict=True))
    assert max(frequency, key=frequency.get) == "Ni_LCF130"


def test_shipped_table_is_the_measured_one(shared_data):
    measured = read_table(shared_data / "battery" / "ncm_operando_standardised.csv", "Potential")
    shipped = published_table()
    assert shipped.names == measured.names
    assert_array_equal(shipped.values, measured.values)
    assert_array_equal(shipped.target, measured.target)
    # As published: standardised with ddof = 1, but for the rounding to one decimal.
    assert_allclose(shipped.values.std(axis=0, ddof=1), 1.0, atol=0.05)


def test_same_seed_same_answer(published):
    assert regress(published_table()).as_dict() == published.as_dict()


def test_other_seed_leaves_the_headline_alone(published):
    other = regress(published_table(), RegressionConfig(seed=5, permutations=9))
    assert other.lasso.loo_r2 == published.lasso.loo_r2
    assert other.lasso.nested_r2 == published.lasso.nested_r2
    assert not np.array_equal(other.stability.frequency, published.stability.frequency)


def test_planted_variables_are_found():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 25)) * rng.uniform(0.01, 100.0, 25) + rng.normal(size=25)
    unit = (x - x.mean(axis=0)) / x.std(axis=0)
    y = 7.0 + 0.02 * (2.0 * unit[:, 4] - 1.5 * unit[:, 11] + unit[:, 19])
    y += 0.02 * rng.normal(0, 0.3, 40)
    result = regress(made_table(x, y), RegressionConfig(permutations=19))
    frequency = result.stability.frequency
    planted = [4, 11, 19]
    assert (frequency[planted] >= 0.9).all()
    assert np.delete(frequency, planted).max() < frequency[planted].min()
    assert result.lasso.nested_r2 > 0.9
    signs = np.sign(result.lasso.coefficients[planted])
    assert_array_equal(signs, [1, -1, 1])
    assert result.shuffled.p_value == pytest.approx(1 / 20)
    assert result.baseline_r2 is None


@pytest.fixture(scope="module")
def noise():
    """Results of tables in which nothing drives anything."""
    results = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        table = made_table(rng.normal(size=(17, 44)), rng.normal(size=17))
        results.append(regress(table, RegressionConfig(permutations=39, stability_pairs=5)))
    return results


def test_noise_is_not_explained(noise):
    assert np.median([r.lasso.nested_r2 for r in noise]) < 0.0
    assert np.median([r.elastic_net.nested_r2 for r in noise]) < 0.0
    assert np.median([r.shuffled.p_value for r in noise]) > 0.1
    # What choosing the strength on the judging rows flatters; why both are always printed.
    fits = [fit for r in noise for fit in (r.lasso, r.elastic_net)]
    assert all(fit.loo_r2 >= fit.nested_r2 for fit in fits)
    assert max(fit.loo_r2 for fit in fits) > 0.0
    assert np.mean([fit.loo_r2 - fit.nested_r2 for fit in fits]) > 0.05


def test_a_fold_knows_nothing_of_its_test_row():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.normal(size=12)
    fold = one_out(12)[3]
    before = predict_path(x, y, fold, Penalty())
    # The target of the row left out, however absurd, changes no prediction.
    wild = y.copy()
    wild[3] = 1e6
    assert_array_equal(predict_path(x, wild, fold, Penalty()), before)
    # Its variables move its own prediction along one line, and not the centre or the scale (within
    # ten ranges of the training rows; further out they are not believed).
    far = x.copy()
    far[3] += 8.0 * (x[3] - x[:3].mean(axis=0))
    nearer = x.copy()
    nearer[3] += 4.0 * (x[3] - x[:3].mean(axis=0))
    step = predict_path(nearer, y, fold, Penalty()) - before
    assert_allclose(predict_path(far, y, fold, Penalty()) - before, 2 * step, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e4, 1e4), gain=st.floats(1e-3, 1e3))
def test_units_do_not_matter(scale, shift, gain):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(10, 4)), rng.normal(size=10)
    here = cross_predict(x, y, one_out(10), Penalty(points=6))
    there = cross_predict(x * scale + shift * scale, y * gain, one_out(10), Penalty(points=6))
    assert_allclose(there / gain, here, rtol=1e-4, atol=1e-4)


def test_path_meets_the_optimality_conditions():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 8)), rng.normal(size=30)
    x, y = Scale.of(x).apply(x), (y - y.mean()) / y.std(ddof=1)
    for penalty in (Penalty(1.0), Penalty(0.5)):
        alphas = penalty.alphas
        coefficients = path(x, y, penalty, alphas, tolerance=1e-12)
        for alpha, b in zip(alphas, coefficients.T, strict=True):
            slope = x.T @ (y - x @ b) / 30 - alpha * (1 - penalty.l1_ratio) * b
            limit = alpha * penalty.l1_ratio
            assert (np.abs(slope) <= limit + 1e-6).all()
            assert_allclose(slope[b != 0], limit * np.sign(b[b != 0]), atol=1e-6)
        assert not coefficients[:, 0].any()


@given(st.integers(2, 60), st.data())
def test_folds_leave_every_row_out_once(n, data):
    k = data.draw(st.integers(2, n))
    order = np.random.default_rng(n).permutation(n)
    for folds in (blocks(n, k), interleaved(order, k), one_out(n)):
        assert sorted(np.concatenate([test for _, test in folds])) == list(range(n))
        for train, test in folds:
            assert test.size
            assert sorted([*train, *test]) == list(range(n))


def test_constant_columns_are_dropped_and_named():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 3))
    x[:, 1] = 0.1 + 0.2
    table = made_table(x, x[:, 0])
    assert table.names == ("v0", "v2")
    assert any("v1" in note for note in table.notes)


def test_nearly_constant_in_a_fold_is_no_variable():
    # One row alone differs: without it the column is constant and must not be blown up.
    rng = np.random.default_rng(0)
    x = np.column_stack([np.full(12, 0.1), rng.normal(size=12)])
    x[5, 0] = 3.0
    predicted = cross_predict(x, x[:, 1] * 2.0, one_out(12), Penalty())
    assert np.isfinite(predicted).all()
    assert np.abs(predicted).max() < 20.0


def test_a_copy_of_the_target_is_pointed_out():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 3))
    result = regress(made_table(x, 5 - 3 * x[:, 2]), RegressionConfig(permutations=0))
    assert any("v2" in note and "target" in note for note in result.notes)
    assert result.shuffled is None


def test_many_rows_and_few_variables():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(130, 3))
    y = x[:, 0] + rng.normal(0, 0.1, 130)
    result = regress(
        made_table(x, y, soc_name="t", soc=np.arange(130.0)),
        RegressionConfig(permutations=9, stability_pairs=5),
    )
    assert result.lasso.nested_r2 > 0.95
    assert result.baseline_r2 < 0.1


NAMES = st.text(string.ascii_letters + string.digits + "_ ,;\"'éµÅ", min_size=1, max_size=8)


@settings(deadline=None)
@given(data=st.data())
def test_what_is_written_is_read(data, tmp_path_factory):
    names = data.draw(
        st.lists(
            NAMES.map(str.strip).filter(lambda s: s and not s[0].isdigit() and s[0] not in "\"'"),
            min_size=2,
            max_size=5,
            unique=True,
        ).filter(lambda names: not any(n.lower().startswith(("soc", "nan", "inf")) for n in names))
    )
    number = st.floats(-1e9, 1e9, allow_nan=False)
    rows = data.draw(
        st.lists(
            st.lists(number, min_size=len(names), max_size=len(names)), min_size=8, max_size=12
        )
    )
    values = np.array(rows)
    values[:, 0] = np.arange(len(rows))
    values[:, 1] = np.arange(len(rows)) ** 2
    delimiter = data.draw(st.sampled_from([",", ";", "\t"]))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(names)
    writer.writerows(values.tolist())
    # What separates cells is found by counting in the header.
    counts = {mark: text.getvalue().splitlines()[0].count(mark) for mark in ",;\t"}
    if max(counts[m] for m in counts if m != delimiter) >= counts[delimiter]:
        return
    file = tmp_path_factory.mktemp("tables") / "t.csv"
    file.write_text("# a comment\n\n" + text.getvalue(), encoding="utf-8-sig")
    table = read_table(file, names[0])
    assert table.target_name == names[0]
    assert_array_equal(table.target, values[:, 0])
    for name, column in zip(table.names, table.values.T, strict=True):
        assert_array_equal(column, values[:, names.index(name)])


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="a,b;\t1.2-e#\n\"' x", max_size=200))
def test_any_text_is_a_table_or_bad_input(text, tmp_path_factory):
    file = tmp_path_factory.mktemp("any") / "t.csv"
    file.write_text(text)
    # Nothing but a table or the one named error.
    with contextlib.suppress(BadInput):
        assert read_table(file, "a").target.size >= 8


def test_the_cut_step_is_put_half_a_step_on():
    table = published_table()
    assert table.soc_name == "SOC"
    assert "SOC" not in table.names
    assert_array_equal(table.soc[-3:], [140.0, 150.0, 155.0])
    assert any("5V cut" in note for note in table.notes)


def test_wrong_configuration_is_named():
    for words, message in (
        ({"l1_ratio": 1.0}, "l1 ratio is 1"),
        ({"permutations": -1}, "permutations is -1"),
        ({"block_count": 2}, "block_count is 2"),
    ):
        with pytest.raises(BadInput, match=message):
            RegressionConfig(**words)


def test_published_path_is_a_file():
    assert published_path().is_file()


def test_what_was_noise_in_training_does_not_outweigh_everything_when_it_stirs():
    rng = np.random.default_rng(3)
    y = np.linspace(0.0, 1.0, 17)
    idle = 1e-4 * rng.standard_normal((17, 6))
    idle[:4] = 1.0  # a reference that is only there in the first block
    x = np.column_stack([y + 0.05 * rng.standard_normal(17), idle])
    fold = (np.arange(4, 17), np.arange(4))
    predicted = predict_path(x, y, fold, Penalty(1.0))[:, -1]
    assert np.abs(predicted - y[:4]).max() < 10.0 * np.ptp(y)
