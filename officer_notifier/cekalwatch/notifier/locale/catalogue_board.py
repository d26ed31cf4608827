"""The texts of the board and of the connection."""

from __future__ import annotations

from cekalwatch.notifier.locale.phrases import Phrase

TEXTS: dict[Phrase, tuple[str, str]] = {
    Phrase.CONNECTED: ("TERSAMBUNG sejak {time}", "CONNECTED since {time}"),
    Phrase.DISCONNECTED: ("TERPUTUS sejak {time} ({cause})", "DISCONNECTED since {time} ({cause})"),
    Phrase.CONNECTING: ("MENYAMBUNG sejak {time}", "CONNECTING since {time}"),
    Phrase.DISCONNECTED_WARNING: (
        "Peringatan baru tidak tampil sampai tersambung lagi.",
        "New alerts do not show until the connection is back.",
    ),
    Phrase.CAUSE_UNREACHABLE: ("server tidak terjangkau", "server cannot be reached"),
    Phrase.CAUSE_SILENT: ("server tidak menjawab", "server has gone silent"),
    Phrase.CAUSE_CLOSED: ("server berhenti", "server has stopped"),
    Phrase.CAUSE_CERTIFICATE: ("sertifikat tidak diterima", "a certificate is not accepted"),
    Phrase.CAUSE_FAILED: ("gangguan server", "server has failed"),
    Phrase.WATCHLIST_FRESH: (
        "Daftar cekal per {time}, {subjects} subjek aktif",
        "Watchlist as of {time}, {subjects} active subjects",
    ),
    Phrase.WATCHLIST_STALE: (
        "DAFTAR CEKAL USANG: terakhir diperbarui {time}, {subjects} subjek aktif",
        "WATCHLIST IS STALE: last updated {time}, {subjects} active subjects",
    ),
    Phrase.WATCHLIST_NEVER: ("DAFTAR CEKAL BELUM PERNAH DIIMPOR", "THE WATCHLIST WAS NEVER IMPORTED"),
    Phrase.WATCHLIST_UNKNOWN: ("Umur daftar cekal belum diketahui", "Age of the watchlist not yet known"),
    Phrase.LOST_TOO_OLD: (
        "Notifikator terlalu lama mati: sebagian peristiwa lama tidak disimpan lagi; mulai dari yang tertua.",
        "This notifier was off for too long: some events are no longer held; it began with the oldest.",
    ),
    Phrase.LOST_UNKNOWN: (
        "Catatan peristiwa server telah diganti; notifikator mulai dari awal.",
        "The server's event log was replaced; this notifier began from the start.",
    ),
    Phrase.ALERT_COUNT: ("Peringatan: {count}", "Alerts: {count}"),
    Phrase.NO_ALERTS: ("Belum ada peringatan.", "No alerts yet."),
    Phrase.MORE_ALERTS: (
        "{count} peringatan lebih lama tidak muat di layar ini.",
        "{count} older alerts do not fit on this screen.",
    ),
    Phrase.VERIFY: (
        "Peringatan adalah kemungkinan cocok, bukan kepastian. Periksa di Cekal Online.",
        "An alert is a possible match, not a certainty. Check in Cekal Online.",
    ),
    Phrase.COLUMN_TIME: ("Waktu", "Time"),
    Phrase.COLUMN_SUBJECT: ("Kemungkinan cocok dengan", "Possible match with"),
    Phrase.COLUMN_ORDER: ("Keputusan cekal", "Ban order"),
    Phrase.COLUMN_PLACE: ("Tempat", "Place"),
    Phrase.COLUMN_SCORE: ("Skor / ambang", "Score / threshold"),
    Phrase.NEW: ("BARU", "NEW"),
    Phrase.CAPTURED: ("citra {time}", "frame {time}"),
    Phrase.SIGHTINGS: ("terlihat {count} kali", "sightings: {count}"),
    Phrase.COUNTER: ("Konter {counter}", "Counter {counter}"),
    Phrase.DEPARTURE: ("Keberangkatan", "Departure"),
    Phrase.ARRIVAL: ("Kedatangan", "Arrival"),
    Phrase.CEGAH: ("Pencegahan", "CEGAH (exit)"),
    Phrase.TANGKAL: ("Penangkalan", "TANGKAL (entry)"),
    Phrase.URGENT: ("mendesak", "urgent"),
    Phrase.DECREE: ("SK {number}, {date}", "{number}, {date}"),
    Phrase.NO_DECREE: ("belum ada SK", "no decree yet"),
    Phrase.BORN: ("lahir {date}", "born {date}"),
    Phrase.BAND_JUST: ("sedikit di atas ambang", "just above"),
    Phrase.BAND_CLEARLY: ("jelas di atas ambang", "clearly above"),
    Phrase.BAND_FAR: ("jauh di atas ambang", "far above"),
    Phrase.SCORE: ("{score} / {threshold}", "{score} / {threshold}"),
    Phrase.IMAGES: ("Citra: {folder}: {files}", "Pictures: {folder}: {files}"),
    Phrase.NO_IMAGES: ("Citra tidak dapat dimuat.", "The pictures could not be loaded."),
    Phrase.UNKNOWN: ("tidak diketahui", "unknown"),
}
"""Indonesian, English."""
