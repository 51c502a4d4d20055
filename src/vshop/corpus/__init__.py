"""The golden corpus: every incident and near-miss twin, recorded once, as OTLP and Jaeger JSON with the ground truth beside it.

::

    corpus = vshop.load_corpus()
    case = corpus["stock-put-missing-key"]
    assert case.culprits[0].name == "DynamoDB.PutItem"

Reading one starts nothing. ``vshop export --out DIR --seed 1`` makes one.
"""

from vshop.corpus.case import Case, LogRecord
from vshop.corpus.errors import CorpusError, ExportFailedError
from vshop.corpus.reading import Corpus, load_corpus

__all__ = ["Case", "Corpus", "CorpusError", "ExportFailedError", "LogRecord", "load_corpus"]
