"""UNSW-NB15 comes from its two files, with categories as indicators."""

import re

import numpy as np
import pytest

from skdeepad.datasets import _unsw_nb15, load_unsw_nb15

HEADER = (
    "id,dur,proto,service,state,spkts,dpkts,sbytes,dbytes,rate,sttl,dttl,sload,dload,sloss,dloss,"
    "sinpkt,dinpkt,sjit,djit,swin,stcpb,dtcpb,dwin,tcprtt,synack,ackdat,smean,dmean,trans_depth,"
    "response_body_len,ct_srv_src,ct_state_ttl,ct_dst_ltm,ct_src_dport_ltm,ct_dst_sport_ltm,"
    "ct_dst_src_ltm,is_ftp_login,ct_ftp_cmd,ct_flw_http_mthd,ct_src_ltm,ct_srv_dst,"
    "is_sm_ips_ports,attack_cat,label"
)
LINES = (
    [
        "1,0.1,tcp,-,FIN,6," + "4," * 36 + "0,Normal,0",
        "2,0.2,udp,dns,INT,2," + "3.5," * 36 + "0,Fuzzers,1",
    ],
    ["1,0.3,arp,-,INT,1," + "0," * 36 + "1,Worms,1"],
)

pytestmark = pytest.mark.usefixtures("no_folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three lines as the user's own files."""
    path = tmp_path / "unsw_nb15"
    path.mkdir()
    for file, lines in zip(_unsw_nb15._FILES, LINES, strict=True):
        text = "\n".join([HEADER, *lines, ""])
        (path / file).write_text(text, encoding="utf-8-sig")
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    monkeypatch.setattr(_unsw_nb15, "_N_ROWS", 3)
    return path


def test_attacks_are_the_anomalies_and_keep_their_names(folder):
    unsw = load_unsw_nb15()
    assert unsw.target.tolist() == [0, 1, 1]
    assert unsw.target.dtype == np.int64
    assert unsw.attacks.tolist() == ["Normal", "Fuzzers", "Worms"]
    assert unsw.target_names.tolist() == ["normal", "anomaly"]
    assert unsw.filename == str(folder)
    assert "UNSW-NB15" in unsw.DESCR
    assert "Parameters" not in unsw.DESCR


def test_categories_become_indicators_beside_the_numbers(folder):
    frame = load_unsw_nb15(as_frame=True).data
    assert frame.shape == (3, 39 + 3 + 2 + 2)
    assert (frame.dtypes == np.float32).all()
    assert frame["dur"].tolist() == list(map(np.float32, (0.1, 0.2, 0.3)))
    assert frame["spkts"].tolist() == [6, 2, 1]
    assert frame["is_sm_ips_ports"].tolist() == [0, 0, 1]
    assert frame["service=-"].tolist() == [1, 0, 1]
    assert frame["state=INT"].tolist() == [0, 1, 1]
    assert not {"id", "label", "attack_cat"} & set(frame)


def test_a_pair_holds_the_same_from_a_folder_that_is_named(folder, monkeypatch):
    unsw = load_unsw_nb15()
    monkeypatch.delenv("SKDEEPAD_DATA")
    X, y = load_unsw_nb15(data_home=folder.parent, return_X_y=True)
    np.testing.assert_array_equal(unsw.data, X)
    np.testing.assert_array_equal(unsw.target, y)


def test_files_that_are_nowhere_are_an_error_with_the_page(tmp_path):
    missing = tmp_path / "unsw_nb15" / "UNSW_NB15_training-set.csv"
    with pytest.raises(FileNotFoundError, match=f"{re.escape(str(missing))} is missing: https://"):
        load_unsw_nb15(data_home=tmp_path)


@pytest.mark.parametrize(
    "content", ["", "id,dur\n1,2\n", f"{HEADER}\n1,2\n"], ids=["empty", "names", "few values"]
)
def test_a_damaged_file_is_named(content, folder):
    file = folder / "UNSW_NB15_testing-set.csv"
    file.write_text(content)
    with pytest.raises(ValueError, match=re.escape(f"{file} is damaged: it must be a text file")):
        load_unsw_nb15()


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("udp", "t\u00e7p", "proto has the value"),
        ("udp", "", "proto has the value"),
        ("0.2", "nan", "dur has a value that is not finite"),
        ("Fuzzers,1", "Fuzzers,2", "label must be 0 where attack_cat is Normal"),
        ("Fuzzers,1", "Fuzzers,nan", "label must be 0 where attack_cat is Normal"),
        ("Fuzzers,1", "Normal,1", "label must be 0 where attack_cat is Normal"),
        ("Fuzzers,1", ",0", "attack_cat has the value"),
    ],
)
def test_values_that_were_not_published_are_damage(old, new, match, folder):
    file = folder / "UNSW_NB15_training-set.csv"
    file.write_text(file.read_text("utf-8-sig").replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} is damaged: .*{match}"):
        load_unsw_nb15()


def test_spaces_and_quotes_around_text_mean_nothing(folder):
    unsw = load_unsw_nb15()
    file = folder / "UNSW_NB15_training-set.csv"
    changed = file.read_text("utf-8-sig").replace("udp", '"udp"').replace("Fuzzers", " Fuzzers ")
    file.write_text(changed)
    other = load_unsw_nb15()
    assert other.feature_names == unsw.feature_names
    assert other.attacks.tolist() == unsw.attacks.tolist()


def test_a_file_of_names_alone_has_no_rows(folder):
    (folder / "UNSW_NB15_testing-set.csv").write_text(f"{HEADER}\n")
    with pytest.raises(ValueError, match=r"has 2 rows in .* but 3 were published"):
        load_unsw_nb15()


def test_a_file_that_is_cut_short_is_an_error(folder, monkeypatch):
    monkeypatch.setattr(_unsw_nb15, "_N_ROWS", 4)
    with pytest.raises(ValueError, match=r"has 3 rows in .* but 4 were published"):
        load_unsw_nb15()
