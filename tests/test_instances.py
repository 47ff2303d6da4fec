"""The tables of what the common tests know of each detector, and what they say of missing rows."""

import re

import pytest

import skdeepad

from .instances import LEARNING, OTHER_VALUES, OTHER_VALUES_OF, SMALL, other_values, small

DETECTORS = dict(skdeepad.all_detectors())
TABLES = {"SMALL": SMALL, "LEARNING": LEARNING, "OTHER_VALUES_OF": OTHER_VALUES_OF}


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_its_rows(name):
    assert [LEARNING[name], *other_values(name)]
    parameters = small(name).get_params(deep=False)
    for table in TABLES.values():
        assert set(table[name]) <= set(parameters), table.table


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_row_is_of_a_detector(table):
    assert set(table) <= set(DETECTORS)


def test_a_missing_row_does_not_stop_the_collection_and_its_tests_say_what_to_add(monkeypatch):
    monkeypatch.delitem(SMALL, "VAE")
    message = (
        "tests/instances.py has no row for VAE in SMALL: "
        "add the parameters that make its fit quick."
    )
    with pytest.raises(LookupError, match=re.escape(message)):
        small("VAE")
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert small("VAE").get_params()["max_epochs"] == skdeepad.VAE().max_epochs


@pytest.mark.parametrize("table", ["LEARNING", "OTHER_VALUES_OF"])
def test_missing_rows_of_other_tables_are_named_too(table, monkeypatch):
    monkeypatch.delitem(TABLES[table], "VAE")
    with pytest.raises(LookupError, match=f"has no row for VAE in {table}: add "):
        test_every_detector_has_its_rows("VAE")


def test_a_parameter_without_another_value_is_named(monkeypatch):
    monkeypatch.delitem(OTHER_VALUES, "lr")
    message = "tests/instances.py has no other value for lr of VAE: add one to OTHER_VALUES_OF"
    with pytest.raises(LookupError, match=re.escape(message)):
        list(other_values("VAE"))
