"""Parameters that are declared: what a class with ``detector`` and ``param`` gives its users."""

import dataclasses
import inspect
import pickle

import cloudpickle
import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler
from skorch.dataset import ValidSplit
from torch import nn

import skdeepad
from skdeepad import AutoEncoder, GANomaly, GroupAnomalyDetector, LeSiNN
from skdeepad.base import COUNT, BaseDetector, StopsEarly, detector, fixed, param
from skdeepad.calibration import ConformalDetector, TunedThreshold
from skdeepad.feedback import FeedbackDetector
from skdeepad.nn import MLPBackbone

from ..instances import small

DETECTORS = dict(skdeepad.all_detectors())


class Module(nn.Module):
    def __init__(self, n_features, power):
        super().__init__()
        self.scale = nn.Parameter(0.5 * nn.init.ones_(nn.Parameter(Module.empty(n_features))))
        self.power = power

    @staticmethod
    def empty(n):
        return nn.Linear(n, 1, bias=False).weight.data[0].clone()

    def loss(self, x):
        return ((x * self.scale) ** self.power).sum(1)

    def anomaly_score(self, x):
        return self.loss(x).double()


@detector
class Powers(BaseDetector, StopsEarly):
    """Powers of scaled values, of which the net makes less."""

    power: int = param(COUNT, default=2, to="module")
    mode: str = param({"plain", "loud"}, default="plain", resumes=True)
    max_epochs = 3
    backbone = fixed(None)
    weight_decay: float = param(default=0.25, to="net")

    def _make_module(self, n_features):
        return Module(n_features, **self._parameters_to("module"))


@detector
class Louder(Powers):
    """The same with another default and one more parameter."""

    volume: float = param(default=1.0)
    mode = "loud"


def names(cls):
    return list(inspect.signature(cls).parameters)


def test_own_parameters_come_first_and_changed_defaults_keep_their_place():
    common = names(BaseDetector)
    common.remove("backbone")
    assert names(Powers) == ["power", "mode", *common, *names(StopsEarly)]
    assert names(Louder) == ["volume", *names(Powers)]
    defaults = {k: p.default for k, p in inspect.signature(Louder).parameters.items()}
    assert defaults["mode"] == "loud"
    assert defaults["max_epochs"] == 3
    assert defaults["weight_decay"] == 0.25
    assert Powers().mode == "plain"
    assert BaseDetector._parameters["max_epochs"].default == 500


def test_parameters_are_keyword_only_and_unknown_ones_are_named():
    assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(Powers).parameters.values())
    with pytest.raises(TypeError, match=r"Powers\(\): got an unexpected keyword argument 'pover'"):
        Powers(pover=3)
    with pytest.raises(TypeError, match=r"Powers\(\): too many positional arguments"):
        Powers(3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'backbone'"):
        Powers(backbone=None)
    assert Powers().backbone is None


def test_parameters_that_may_be_given_by_position_come_first():
    @detector
    class Meta(BaseEstimator):
        power: float = param(float, default=2.0)
        estimator: object = param(default=None, kw_only=False)
        n_estimators: int = param(int, default=5, kw_only=False)

    assert [*inspect.signature(Meta).parameters][:3] == ["estimator", "n_estimators", "power"]
    meta = clone(Meta("one", 3, power=1.0))
    assert (meta.estimator, meta.n_estimators, meta.power) == ("one", 3, 1.0)
    with pytest.raises(TypeError, match=r"Meta\(\): too many positional arguments"):
        Meta("one", 3, 1.0)
    with pytest.raises(TypeError, match=r"Meta\(\): multiple values for argument 'estimator'"):
        Meta("one", estimator="two")


def test_constraints_are_those_declared_and_inherited_ones_where_none_are(X):
    with pytest.raises(ValueError, match=r"'power' parameter of Powers must be an int"):
        Powers(power=0).fit(X)
    with pytest.raises(ValueError, match=r"'mode' parameter of Louder must be a str among"):
        Louder(mode="shrill").fit(X)
    with pytest.raises(ValueError, match=r"'weight_decay' parameter of Powers must be a float"):
        Powers(weight_decay=-1.0).fit(X)


def test_a_parameter_reaches_what_it_is_declared_for(X):
    det = Powers(power=3, random_state=0).fit(X)
    assert det.net_.module_.power == 3
    assert det._parameters_to("module") == {"power": 3}
    assert det._parameters_to("net")["weight_decay"] == 0.25
    assert det.net_.get_params()["optimizer__weight_decay"] == 0.25


def test_a_fit_that_goes_on_warns_unless_the_parameter_may_change(X):
    det = Powers(warm_start=True, random_state=0).fit(X)
    det.set_params(mode="loud").fit(X)
    with pytest.warns(UserWarning, match=r"Training resumes .*: power\."):
        det.set_params(power=4).fit(X)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_change_of_each_lasting_parameter_is_told_when_a_fit_goes_on(name, X):
    det = small(name, warm_start=True)
    from skdeepad.base._resuming import lasting_parameters

    lasting = lasting_parameters(det)
    assert set(lasting) == {
        key for key, declared in type(det)._parameters.items() if not declared.resumes
    }
    assert {"lr", "max_epochs", "batch_size", "contamination"}.isdisjoint(lasting)


def test_sklearn_users_find_what_they_expect(X):
    det = Louder(power=4, volume=2.0)
    assert det.get_params() == clone(det).get_params()
    assert repr(det) == "Louder(power=4, volume=2.0)"
    assert det.set_params(volume=3.0).volume == 3.0
    search = GridSearchCV(det, {"power": [2, 4]}, scoring=lambda d, X: d.score_samples(X).mean())
    assert search.fit(X).best_params_["power"] in (2, 4)
    assert "power=2" in str(inspect.signature(Powers))


def test_instances_are_no_dataclasses_as_a_fitted_one_is_more_than_its_parameters(X):
    assert not dataclasses.is_dataclass(Powers)
    one, other = (Powers(random_state=0).fit(rows) for rows in (X, X[:100]))
    assert one != other


def test_files_hold_what_has_been_fitted(X):
    det = Louder(random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(det))
    np.testing.assert_array_equal(again.score_samples(X), det.score_samples(X))
    by_value = pickle.loads(cloudpickle.dumps(detector(type("Local", (Powers,), {"mode": "loud"}))))
    assert by_value().mode == "loud"


def test_a_file_from_before_a_parameter_has_its_default():
    old = AutoEncoder()
    del vars(old)["activity_weight"]
    assert old.activity_weight == 0.0
    assert clone(old).activity_weight == 0.0


def test_a_subclass_without_decorator_or_with_a_constructor_of_its_own_works(X):
    class Plain(Powers):
        """Nothing of its own."""

    class Written(Powers):
        """Fewer parameters, as scikit-learn's users write them."""

        def __init__(self, *, power=2, random_state=None):
            self.power = power
            self.random_state = random_state

    assert names(Plain) == names(Powers)
    assert names(Written) == ["power", "random_state"]
    scores = [cls(random_state=0).fit(X).score_samples(X) for cls in (Powers, Plain, Written)]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


def test_the_nearest_class_decides_the_default_where_several_inherit_one():
    @detector
    class Slow(BaseDetector):
        lr = 1e-5

    @detector
    class Wide(BaseDetector):
        hidden_layer_sizes = (512,)

    @detector
    class Both(Wide, Slow):
        pass

    assert Both._parameters["lr"].default == Both.lr == 1e-5
    assert Both._parameters["hidden_layer_sizes"].default == (512,)


@pytest.mark.parametrize("value", [[1], {"a": 1}, {1}])
def test_defaults_that_could_change_are_refused(value):
    with pytest.raises(TypeError, match=r"default=.* is mutable"):
        param(default=value)


def test_a_destination_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="to='modul' must be one of"):
        param(default=1, to="modul")


def test_a_constructor_is_not_replaced_without_a_word():
    class Written(Powers):
        def __init__(self, *, power=2):
            self.power = power

    with pytest.raises(TypeError, match=r"Written has an __init__, which @detector would replace"):
        detector(Written)


def test_a_parameter_that_a_base_class_removed_can_be_declared_again():
    @detector
    class Again(Powers):
        backbone: object = param(default="own")

    assert Again().backbone == "own"
    assert names(Again)[names(Again).index("activation") + 1] == "backbone"


def test_what_is_accepted_comes_from_the_nearest_class_that_has_the_parameter(X):
    @detector
    class Without(Powers):
        lr = fixed(0.01)

    @detector
    class With(Without):
        lr: float = param(default=0.02)

    assert With().lr == 0.02
    with pytest.raises(ValueError, match="'lr' parameter of With must be a float"):
        With(lr=-1.0).fit(X)


def test_plain_subclasses_and_mixins_may_change_a_default():
    class Fewer(Powers):
        max_epochs = 2

    class Small:
        batch_size = 17

    class Mixed(Small, Powers):
        pass

    assert [d.max_epochs for d in (Fewer(), clone(Fewer()), Fewer(max_epochs=5))] == [2, 2, 5]
    assert Mixed().batch_size == 17


@pytest.mark.parametrize(
    ("net_params", "message"),
    [
        ({"max_epochs": "a"}, "'max_epochs' parameter of AutoEncoder's net_params must be an int"),
        ({"max_epochs": 0}, "'max_epochs' parameter of AutoEncoder's net_params"),
        ({"batch_size": 0}, "'batch_size' parameter of AutoEncoder's net_params"),
        ({"max_steps": -1}, "'max_steps' parameter of AutoEncoder's net_params"),
        ({"trim": 5}, "'trim' parameter of AutoEncoder's net_params"),
        ({"module": None}, "must not hold 'module': use backbone"),
        ({"train_split": ValidSplit(2)}, "must not hold 'train_split': use early_stopping and"),
        ({"module__n": 1}, "must not hold 'module__n': use backbone"),
        ({"callbacks__x": 1}, "must not hold 'callbacks__x': use callbacks of the detector"),
        ({"iterator_train__batch_size": 0}, "use batch_size"),
        ({"iterator_train": None}, "must hold a class as 'iterator_train', got None"),
        ({"dataset": None}, "must hold a class as 'dataset'"),
        ({1: 2}, r"net_params=\{1: 2\} must have str keys"),
    ],
)
def test_net_params_that_the_detector_would_refuse_lose_nothing(net_params, message, X):
    det = AutoEncoder(max_epochs=2, random_state=0, warm_start=True).fit(X)
    scores = det.score_samples(X)
    with pytest.raises(ValueError, match=message):
        det.set_params(net_params=net_params).fit(X)
    assert np.array_equal(det.score_samples(X), scores)
    assert det.set_params(net_params=None).fit(X).n_iter_ == 4


def test_settings_of_the_optimizer_are_checked(X):
    with pytest.raises(ValueError, match=r"Adam has no 'optimizer__foo', but lr, betas"):
        AutoEncoder(net_params={"optimizer__foo": 1}).fit(X)
    with pytest.raises(ValueError, match=r"Adam has no 'optimizer__params'"):
        AutoEncoder(net_params={"optimizer__params": 1}).fit(X)

    with pytest.raises(ValueError, match=r"Adam has no 'optimizer_discriminator__foo'"):
        GANomaly(net_params={"optimizer_discriminator__foo": 1}).fit(X)

    class OfKeywords(torch.optim.Adam):
        def __init__(self, params, **kwargs):
            super().__init__(params, **kwargs)

    det = AutoEncoder(optimizer=OfKeywords, max_epochs=1, weight_decay=0)
    det.set_params(net_params={"optimizer__eps": 1e-6, "callbacks": []}).fit(X)
    assert det.net_.optimizer_.param_groups[0]["eps"] == 1e-6


def test_the_device_of_net_params_is_checked(X):
    det = AutoEncoder(max_epochs=1, net_params={"device": torch.device("cpu")}).fit(X)
    assert det.net_.device == torch.device("cpu")
    with pytest.raises(ValueError, match="device='zz' can't be used here"):
        AutoEncoder(net_params={"device": "zz"}).fit(X)


@pytest.mark.parametrize(
    ("detector", "name"),
    [
        (AutoEncoder(scaler=StandardScaler), "scaler"),
        (AutoEncoder(backbone=MLPBackbone), "backbone"),
        (LeSiNN(scaler=StandardScaler), "scaler"),
        (ConformalDetector(LeSiNN), "detector"),
        (ConformalDetector(LeSiNN(), cv=KFold), "cv"),
        (TunedThreshold(LeSiNN), "detector"),
        (FeedbackDetector(LeSiNN), "detector"),
        (GroupAnomalyDetector(AutoEncoder), "estimator"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_class_in_place_of_an_instance_is_named(detector, name, X):
    message = f"'{name}' parameter of {type(detector).__name__} .* an instance, not a class,"
    with pytest.raises(ValueError, match=message):
        detector.fit(X)
