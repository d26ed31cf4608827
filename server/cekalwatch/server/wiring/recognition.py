"""What recognises faces: the networks of the model pack in use, the photograph decoder, and the orders' terms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cekalwatch.server.cluster.jobs import PeriodicJob
from cekalwatch.server.gallery.kept_terms import TermsFile
from cekalwatch.server.gallery.model_follower import open_pack, pack_in_use
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.recognition.photograph_decoder import PhotographDecoder
from cekalwatch.server.wiring.storage import Context

KEEP_TERMS_PERIOD_S = 60.0


@dataclass(frozen=True)
class RecognitionParts:
    """The engine in use, and whose orders are searched."""

    engines: EngineInUse
    terms: TermsReader
    jobs: tuple[PeriodicJob, ...]


def init_recognition(context: Context) -> RecognitionParts:
    """Open the networks while the orders' terms are read: a long list takes longer than the networks."""
    settings, stores = context.settings, context.stores
    pack = pack_in_use(settings, stores.models)
    decoder = PhotographDecoder(settings.threads)
    context.stack.callback(decoder.close)
    kept = TermsFile(settings.order_terms_file, context.keys.keyring, settings.law)
    terms = TermsReader(stores.watchlist, context.checkpoints, kept)
    context.stack.callback(terms.keep)
    with ThreadPoolExecutor(1, "open-networks") as beside:
        opening = beside.submit(open_pack, settings, pack)
        terms.read()
    engines = EngineInUse(opening.result(), settings.threads, decoder.decode)
    return RecognitionParts(engines, terms, (PeriodicJob("keep_order_terms", KEEP_TERMS_PERIOD_S, terms.keep),))
