"""The golden corpus is there, belongs to this version, and holds nothing that it should not."""

import zipfile

import pytest

import vshop
from vshop.corpus import CorpusError
from vshop.corpus.reading import GOLDEN
from vshop.incidents import load_catalogue


def test_it_holds_every_incident_and_twin_as_they_are_now():
    """A changed incident file needs a new corpus: ``make corpus``."""
    corpus, catalogue = vshop.load_corpus(), load_catalogue()

    assert list(corpus) == list(catalogue)
    assert corpus.shop_version == vshop.__version__
    stale = [case.id for case in corpus.values() if case.incident != catalogue[case.id]]
    assert stale == []


def test_every_fault_has_one_culprit_for_each_judged_order_and_no_twin_has_any():
    """The spans are in the telemetry."""
    corpus = vshop.load_corpus()

    for case in corpus.faults:
        assert len(case.culprits) == sum(order["judged"] for order in case.truth["orders"]), case.id
    assert [case.id for case in corpus.twins if case.culprits] == []


def test_it_tells_nothing_of_the_machine_it_was_made_on_and_names_no_incident():
    """In the telemetry; the ground truth beside it does."""
    ids = load_catalogue()
    with zipfile.ZipFile(GOLDEN) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode()
            assert "/home/" not in text, name
            assert "site-packages" not in text, name
            assert "eyJ" not in text, name  # a token
            if not name.endswith(("truth.json", "index.json")):
                assert [incident for incident in ids if incident in text] == [], name


def test_jaeger_and_otlp_tell_of_the_same_spans():
    """Jaeger's JSON was read back from an observatory that was sent the OTLP."""
    for case in vshop.load_corpus().values():
        told = {span["spanID"] for trace in case.jaeger["data"] for span in trace["spans"]}
        assert told == {span.span_id for span in case.spans}, case.id


def test_where_there_is_no_corpus_it_is_said_how_one_is_made(tmp_path):
    """A folder without an index, and a file that is not there."""
    for path in (tmp_path, tmp_path / "no.zip"):
        with pytest.raises(CorpusError, match="vshop export"):
            vshop.load_corpus(path)
