"""What the common tests know of each detector, and what they say of a missing row."""

import re

import pytest

import skdeepad

from .instances import INSTANCES, OTHER_VALUES, learning, other_values, small, untrained

DETECTORS = dict(skdeepad.all_detectors())


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_its_row(name):
    assert [learning(name), untrained(name), *other_values(name)]
    parameters = small(name).get_params(deep=False)
    row = INSTANCES[name]
    for values in (row.small, row.learning, row.other, row.untrained):
        assert set(values) <= set(parameters)


def test_every_row_is_of_a_detector():
    assert set(INSTANCES) <= set(DETECTORS)


def test_a_missing_row_does_not_stop_the_collection_and_its_tests_say_what_to_add(monkeypatch):
    monkeypatch.delitem(INSTANCES, "VAE")
    message = "tests/instances.py has no row for VAE: add an Instance with the parameters that"
    for make in (small, learning, untrained):
        with pytest.raises(LookupError, match=re.escape(message)):
            make("VAE")
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert small("VAE").get_params()["max_epochs"] == skdeepad.VAE().max_epochs


def test_a_parameter_without_another_value_is_named(monkeypatch):
    monkeypatch.delitem(OTHER_VALUES, "lr")
    message = "tests/instances.py has no other value for lr of VAE: add one to other of its"
    with pytest.raises(LookupError, match=re.escape(message)):
        list(other_values("VAE"))
