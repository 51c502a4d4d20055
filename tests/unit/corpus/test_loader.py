import zipfile

import pytest

import vshop
from vshop.corpus import CorpusError
from vshop.corpus.loader import GOLDEN
from vshop.incidents import load_catalogue


def test_corpus_matches_the_catalogue():
    """Record a new corpus with ``make corpus`` after a change of an incident file."""
    corpus, catalogue = vshop.load_corpus(), load_catalogue()

    assert list(corpus) == list(catalogue)
    assert corpus.shop_version == vshop.__version__
    stale = [case.id for case in corpus.values() if case.incident != catalogue[case.id]]
    assert stale == []


def test_every_fault_has_one_culprit_for_each_judged_order_and_no_twin_has_any():
    corpus = vshop.load_corpus()

    for case in corpus.faults:
        assert len(case.culprits) == sum(order["judged"] for order in case.truth["orders"]), case.id
    assert [case.id for case in corpus.twins if case.culprits] == []


def test_telemetry_names_no_incident_and_no_path_of_the_recording_machine():
    ids = load_catalogue()
    with zipfile.ZipFile(GOLDEN) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode()
            assert "/home/" not in text, name
            assert "site-packages" not in text, name
            assert "eyJ" not in text, name  # a token
            if not name.endswith(("truth.json", "index.json")):
                assert [incident for incident in ids if incident in text] == [], name


def test_jaeger_and_otlp_have_the_same_spans():
    for case in vshop.load_corpus().values():
        span_ids = {span["spanID"] for trace in case.jaeger["data"] for span in trace["spans"]}
        assert span_ids == {span.span_id for span in case.spans}, case.id


def test_missing_corpus_error_names_the_export_command(tmp_path):
    for path in (tmp_path, tmp_path / "no.zip"):
        with pytest.raises(CorpusError, match="vshop export"):
            vshop.load_corpus(path)
