"""The golden corpus: every incident and twin as OTLP and Jaeger JSON with ground truth.

::

    corpus = vshop.load_corpus()
    case = corpus["stock-put-missing-key"]
    assert case.culprits[0].name == "DynamoDB.PutItem"

``vshop export --out DIR --seed 1`` records one.
"""

from vshop.corpus.loader import Case, Corpus, CorpusError, ExportFailedError, LogRecord, load_corpus

__all__ = ["Case", "Corpus", "CorpusError", "ExportFailedError", "LogRecord", "load_corpus"]
