"""Every phrase on screen, in Indonesian and English. An alert is a possible match, and is never called more."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """A language of the screens."""

    ID = "id"
    EN = "en"


class Phrase(StrEnum):
    """A phrase; what stands in braces in its texts is filled in."""

    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    DISCONNECTED_WARNING = "DISCONNECTED_WARNING"
    CAUSE_UNREACHABLE = "CAUSE_UNREACHABLE"
    CAUSE_SILENT = "CAUSE_SILENT"
    CAUSE_CLOSED = "CAUSE_CLOSED"
    CAUSE_CERTIFICATE = "CAUSE_CERTIFICATE"
    CAUSE_FAILED = "CAUSE_FAILED"
    WATCHLIST_FRESH = "WATCHLIST_FRESH"
    WATCHLIST_STALE = "WATCHLIST_STALE"
    WATCHLIST_NEVER = "WATCHLIST_NEVER"
    WATCHLIST_UNKNOWN = "WATCHLIST_UNKNOWN"
    LOST_TOO_OLD = "LOST_TOO_OLD"
    LOST_UNKNOWN = "LOST_UNKNOWN"
    ALERT_COUNT = "ALERT_COUNT"
    NO_ALERTS = "NO_ALERTS"
    MORE_ALERTS = "MORE_ALERTS"
    VERIFY = "VERIFY"
    COLUMN_TIME = "COLUMN_TIME"
    COLUMN_SUBJECT = "COLUMN_SUBJECT"
    COLUMN_ORDER = "COLUMN_ORDER"
    COLUMN_PLACE = "COLUMN_PLACE"
    COLUMN_SCORE = "COLUMN_SCORE"
    NEW = "NEW"
    CAPTURED = "CAPTURED"
    SIGHTINGS = "SIGHTINGS"
    COUNTER = "COUNTER"
    DEPARTURE = "DEPARTURE"
    ARRIVAL = "ARRIVAL"
    CEGAH = "CEGAH"
    TANGKAL = "TANGKAL"
    URGENT = "URGENT"
    DECREE = "DECREE"
    NO_DECREE = "NO_DECREE"
    BORN = "BORN"
    BAND_JUST = "BAND_JUST"
    BAND_CLEARLY = "BAND_CLEARLY"
    BAND_FAR = "BAND_FAR"
    SCORE = "SCORE"
    IMAGES = "IMAGES"
    NO_IMAGES = "NO_IMAGES"
    UNKNOWN = "UNKNOWN"
    SIGN_IN_NAME = "SIGN_IN_NAME"
    PASSWORD = "PASSWORD"  # noqa: S105  # a phrase
    PRESENT_PASSWORD = "PRESENT_PASSWORD"  # noqa: S105  # a phrase
    NEW_PASSWORD = "NEW_PASSWORD"  # noqa: S105  # a phrase
    NEW_PASSWORD_AGAIN = "NEW_PASSWORD_AGAIN"  # noqa: S105  # a phrase
    PASSWORDS_DIFFER = "PASSWORDS_DIFFER"  # a phrase
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  # a phrase
    CHANGE_FIRST_PASSWORD = "CHANGE_FIRST_PASSWORD"  # noqa: S105  # a phrase
    SIGNED_IN = "SIGNED_IN"
    SIGNED_OUT = "SIGNED_OUT"
    ROLE_OFFICER = "ROLE_OFFICER"
    ROLE_SUPERVISOR = "ROLE_SUPERVISOR"
    ROLE_LIST_MANAGER = "ROLE_LIST_MANAGER"
    ROLE_ADMINISTRATOR = "ROLE_ADMINISTRATOR"
    ROLE_AUDITOR = "ROLE_AUDITOR"
    REFUSED_SIGN_IN_NEEDED = "REFUSED_SIGN_IN_NEEDED"
    REFUSED_SIGN_IN_REFUSED = "REFUSED_SIGN_IN_REFUSED"
    REFUSED_SIGN_IN_LOCKED = "REFUSED_SIGN_IN_LOCKED"
    REFUSED_SIGN_IN_BUSY = "REFUSED_SIGN_IN_BUSY"
    REFUSED_SESSION_ENDED = "REFUSED_SESSION_ENDED"
    REFUSED_PERSON_SITE_NOT_ALLOWED = "REFUSED_PERSON_SITE_NOT_ALLOWED"
    REFUSED_PASSWORD_NOT_KEPT_HERE = "REFUSED_PASSWORD_NOT_KEPT_HERE"  # noqa: S105  # a phrase
    REFUSED_PASSWORD_TOO_SHORT = "REFUSED_PASSWORD_TOO_SHORT"  # noqa: S105  # a phrase
    REFUSED_PASSWORD_TOO_EASY = "REFUSED_PASSWORD_TOO_EASY"  # noqa: S105  # a phrase
    REFUSED_PASSWORD_NOT_CHANGED = "REFUSED_PASSWORD_NOT_CHANGED"  # noqa: S105  # a phrase


_I, _E = Language.ID, Language.EN

CATALOGUE: dict[Phrase, dict[Language, str]] = {
    Phrase.CONNECTED: {_I: "TERSAMBUNG sejak {time}", _E: "CONNECTED since {time}"},
    Phrase.DISCONNECTED: {_I: "TERPUTUS sejak {time} ({cause})", _E: "DISCONNECTED since {time} ({cause})"},
    Phrase.CONNECTING: {_I: "MENYAMBUNG sejak {time}", _E: "CONNECTING since {time}"},
    Phrase.DISCONNECTED_WARNING: {
        _I: "Peringatan baru tidak tampil sampai tersambung lagi.",
        _E: "New alerts do not show until the connection is back.",
    },
    Phrase.CAUSE_UNREACHABLE: {_I: "server tidak terjangkau", _E: "server cannot be reached"},
    Phrase.CAUSE_SILENT: {_I: "server tidak menjawab", _E: "server has gone silent"},
    Phrase.CAUSE_CLOSED: {_I: "server berhenti", _E: "server has stopped"},
    Phrase.CAUSE_CERTIFICATE: {_I: "sertifikat tidak diterima", _E: "a certificate is not accepted"},
    Phrase.CAUSE_FAILED: {_I: "gangguan server", _E: "server has failed"},
    Phrase.WATCHLIST_FRESH: {
        _I: "Daftar cekal per {time}, {subjects} subjek aktif",
        _E: "Watchlist as of {time}, {subjects} active subjects",
    },
    Phrase.WATCHLIST_STALE: {
        _I: "DAFTAR CEKAL USANG: terakhir diperbarui {time}, {subjects} subjek aktif",
        _E: "WATCHLIST IS STALE: last updated {time}, {subjects} active subjects",
    },
    Phrase.WATCHLIST_NEVER: {_I: "DAFTAR CEKAL BELUM PERNAH DIIMPOR", _E: "THE WATCHLIST WAS NEVER IMPORTED"},
    Phrase.WATCHLIST_UNKNOWN: {_I: "Umur daftar cekal belum diketahui", _E: "Age of the watchlist not yet known"},
    Phrase.LOST_TOO_OLD: {
        _I: "Notifikator terlalu lama mati: sebagian peristiwa lama tidak disimpan lagi; mulai dari yang tertua.",
        _E: "This notifier was off for too long: some events are no longer held; it began with the oldest.",
    },
    Phrase.LOST_UNKNOWN: {
        _I: "Catatan peristiwa server telah diganti; notifikator mulai dari awal.",
        _E: "The server's event log was replaced; this notifier began from the start.",
    },
    Phrase.ALERT_COUNT: {_I: "Peringatan: {count}", _E: "Alerts: {count}"},
    Phrase.NO_ALERTS: {_I: "Belum ada peringatan.", _E: "No alerts yet."},
    Phrase.MORE_ALERTS: {
        _I: "{count} peringatan lebih lama tidak muat di layar ini.",
        _E: "{count} older alerts do not fit on this screen.",
    },
    Phrase.VERIFY: {
        _I: "Peringatan adalah kemungkinan cocok, bukan kepastian. Periksa di Cekal Online.",
        _E: "An alert is a possible match, not a certainty. Check in Cekal Online.",
    },
    Phrase.COLUMN_TIME: {_I: "Waktu", _E: "Time"},
    Phrase.COLUMN_SUBJECT: {_I: "Kemungkinan cocok dengan", _E: "Possible match with"},
    Phrase.COLUMN_ORDER: {_I: "Keputusan cekal", _E: "Ban order"},
    Phrase.COLUMN_PLACE: {_I: "Tempat", _E: "Place"},
    Phrase.COLUMN_SCORE: {_I: "Skor / ambang", _E: "Score / threshold"},
    Phrase.NEW: {_I: "BARU", _E: "NEW"},
    Phrase.CAPTURED: {_I: "citra {time}", _E: "frame {time}"},
    Phrase.SIGHTINGS: {_I: "terlihat {count} kali", _E: "sightings: {count}"},
    Phrase.COUNTER: {_I: "Konter {counter}", _E: "Counter {counter}"},
    Phrase.DEPARTURE: {_I: "Keberangkatan", _E: "Departure"},
    Phrase.ARRIVAL: {_I: "Kedatangan", _E: "Arrival"},
    Phrase.CEGAH: {_I: "Pencegahan", _E: "CEGAH (exit)"},
    Phrase.TANGKAL: {_I: "Penangkalan", _E: "TANGKAL (entry)"},
    Phrase.URGENT: {_I: "mendesak", _E: "urgent"},
    Phrase.DECREE: {_I: "SK {number}, {date}", _E: "{number}, {date}"},
    Phrase.NO_DECREE: {_I: "belum ada SK", _E: "no decree yet"},
    Phrase.BORN: {_I: "lahir {date}", _E: "born {date}"},
    Phrase.BAND_JUST: {_I: "sedikit di atas ambang", _E: "just above"},
    Phrase.BAND_CLEARLY: {_I: "jelas di atas ambang", _E: "clearly above"},
    Phrase.BAND_FAR: {_I: "jauh di atas ambang", _E: "far above"},
    Phrase.SCORE: {_I: "{score} / {threshold}", _E: "{score} / {threshold}"},
    Phrase.IMAGES: {_I: "Citra: {folder}: {files}", _E: "Pictures: {folder}: {files}"},
    Phrase.NO_IMAGES: {
        _I: "Citra tidak dapat dimuat. Sudah masuk? (cekalwatch-notifier sign-in)",
        _E: "The pictures could not be loaded. Are you signed in? (cekalwatch-notifier sign-in)",
    },
    Phrase.UNKNOWN: {_I: "tidak diketahui", _E: "unknown"},
    Phrase.SIGN_IN_NAME: {_I: "Nama pengguna", _E: "Sign-in name"},
    Phrase.PASSWORD: {_I: "Kata sandi", _E: "Password"},
    Phrase.PRESENT_PASSWORD: {_I: "Kata sandi sekarang", _E: "Present password"},
    Phrase.NEW_PASSWORD: {_I: "Kata sandi baru (minimal 12 karakter)", _E: "New password (12 characters at least)"},
    Phrase.NEW_PASSWORD_AGAIN: {_I: "Kata sandi baru sekali lagi", _E: "New password once more"},
    Phrase.PASSWORDS_DIFFER: {
        _I: "Kedua kata sandi baru berbeda; tidak ada yang diubah.",
        _E: "The two new passwords differ; nothing was changed.",
    },
    Phrase.PASSWORD_CHANGED: {_I: "Kata sandi telah diubah.", _E: "The password was changed."},
    Phrase.CHANGE_FIRST_PASSWORD: {
        _I: "Kata sandi pertama harus diganti sekarang.",
        _E: "The first password must be changed now.",
    },
    Phrase.SIGNED_IN: {
        _I: "{name} ({roles}) telah masuk, paling lama sampai {time}",
        _E: "{name} ({roles}) is signed in, until {time} at the latest",
    },
    Phrase.SIGNED_OUT: {_I: "Anda telah keluar.", _E: "You are signed out."},
    Phrase.ROLE_OFFICER: {_I: "petugas", _E: "officer"},
    Phrase.ROLE_SUPERVISOR: {_I: "penyelia", _E: "supervisor"},
    Phrase.ROLE_LIST_MANAGER: {_I: "pengelola daftar", _E: "list manager"},
    Phrase.ROLE_ADMINISTRATOR: {_I: "administrator", _E: "administrator"},
    Phrase.ROLE_AUDITOR: {_I: "auditor", _E: "auditor"},
    Phrase.REFUSED_SIGN_IN_NEEDED: {_I: "Belum ada yang masuk di PC ini.", _E: "Nobody is signed in on this PC."},
    Phrase.REFUSED_SIGN_IN_REFUSED: {
        _I: "Nama pengguna atau kata sandi salah.",
        _E: "The sign-in name or the password is wrong.",
    },
    Phrase.REFUSED_SIGN_IN_LOCKED: {
        _I: "Terlalu banyak kata sandi salah untuk nama ini; tunggu, paling lama 15 menit, atau minta dibuka.",
        _E: "Too many wrong passwords for this name; wait, 15 minutes at most, or ask to unlock it.",
    },
    Phrase.REFUSED_SIGN_IN_BUSY: {
        _I: "Terlalu banyak yang masuk saat ini; coba lagi.",
        _E: "Too many people sign in at this moment; try again.",
    },
    Phrase.REFUSED_SESSION_ENDED: {
        _I: "Sesi di PC ini telah berakhir; masuk lagi.",
        _E: "The session on this PC has ended; sign in again.",
    },
    Phrase.REFUSED_PERSON_SITE_NOT_ALLOWED: {
        _I: "Anda tidak bertugas di tempat PC ini.",
        _E: "You do not work at this PC's site.",
    },
    Phrase.REFUSED_PASSWORD_NOT_KEPT_HERE: {
        _I: "Kata sandi Anda diubah di penyedia identitas, bukan di sini.",
        _E: "Your password is changed at the identity provider, not here.",
    },
    Phrase.REFUSED_PASSWORD_TOO_SHORT: {
        _I: "Kata sandi minimal 12 karakter.",
        _E: "A password has at least 12 characters.",
    },
    Phrase.REFUSED_PASSWORD_TOO_EASY: {
        _I: "Kata sandi itu mudah ditebak; pakai beberapa kata yang tidak berhubungan.",
        _E: "That password is guessed soon; take several words that do not go together.",
    },
    Phrase.REFUSED_PASSWORD_NOT_CHANGED: {
        _I: "Kata sandi baru sama dengan yang sekarang.",
        _E: "The new password is the present one.",
    },
}


def translate(phrase: Phrase, language: Language, **values: object) -> str:
    """Return the phrase's text with `values` in its braces; raises KeyError when one of them is missing."""
    return CATALOGUE[phrase][language].format(**values)
