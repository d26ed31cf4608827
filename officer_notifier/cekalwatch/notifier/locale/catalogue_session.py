"""The texts about signing in on this PC."""

from __future__ import annotations

from cekalwatch.notifier.locale.phrases import Phrase

TEXTS: dict[Phrase, tuple[str, str]] = {
    Phrase.SIGN_IN_NAME: ("Nama pengguna", "Sign-in name"),
    Phrase.PASSWORD: ("Kata sandi", "Password"),
    Phrase.PRESENT_PASSWORD: ("Kata sandi sekarang", "Present password"),
    Phrase.NEW_PASSWORD: ("Kata sandi baru (minimal 12 karakter)", "New password (12 characters at least)"),
    Phrase.NEW_PASSWORD_AGAIN: ("Kata sandi baru sekali lagi", "New password once more"),
    Phrase.PASSWORDS_DIFFER: (
        "Kedua kata sandi baru berbeda; tidak ada yang diubah.",
        "The two new passwords differ; nothing was changed.",
    ),
    Phrase.PASSWORD_CHANGED: ("Kata sandi telah diubah.", "The password was changed."),
    Phrase.CHANGE_FIRST_PASSWORD: (
        "Kata sandi pertama harus diganti sekarang.",
        "The first password must be changed now.",
    ),
    Phrase.SIGNED_IN: (
        "{name} ({roles}) telah masuk, paling lama sampai {time}",
        "{name} ({roles}) is signed in, until {time} at the latest",
    ),
    Phrase.SIGNED_OUT: ("Anda telah keluar.", "You are signed out."),
    Phrase.ROLE_OFFICER: ("petugas", "officer"),
    Phrase.ROLE_SUPERVISOR: ("penyelia", "supervisor"),
    Phrase.ROLE_LIST_MANAGER: ("pengelola daftar", "list manager"),
    Phrase.ROLE_ADMINISTRATOR: ("administrator", "administrator"),
    Phrase.ROLE_AUDITOR: ("auditor", "auditor"),
    Phrase.REFUSED_SIGN_IN_NEEDED: ("Belum ada yang masuk di PC ini.", "Nobody is signed in on this PC."),
    Phrase.REFUSED_SIGN_IN_REFUSED: (
        "Nama pengguna atau kata sandi salah.",
        "The sign-in name or the password is wrong.",
    ),
    Phrase.REFUSED_SIGN_IN_LOCKED: (
        "Terlalu banyak kata sandi salah untuk nama ini; tunggu, paling lama 15 menit, atau minta dibuka.",
        "Too many wrong passwords for this name; wait, 15 minutes at most, or ask to unlock it.",
    ),
    Phrase.REFUSED_SIGN_IN_BUSY: (
        "Terlalu banyak yang masuk saat ini; coba lagi.",
        "Too many people sign in at this moment; try again.",
    ),
    Phrase.REFUSED_SESSION_ENDED: (
        "Sesi di PC ini telah berakhir; masuk lagi.",
        "The session on this PC has ended; sign in again.",
    ),
    Phrase.REFUSED_PERSON_SITE_NOT_ALLOWED: (
        "Anda tidak bertugas di tempat PC ini.",
        "You do not work at this PC's site.",
    ),
    Phrase.REFUSED_PASSWORD_NOT_KEPT_HERE: (
        "Kata sandi Anda diubah di penyedia identitas, bukan di sini.",
        "Your password is changed at the identity provider, not here.",
    ),
    Phrase.REFUSED_PASSWORD_TOO_SHORT: ("Kata sandi minimal 12 karakter.", "A password has at least 12 characters."),
    Phrase.REFUSED_PASSWORD_TOO_EASY: (
        "Kata sandi itu mudah ditebak; pakai beberapa kata yang tidak berhubungan.",
        "That password is guessed soon; take several words that do not go together.",
    ),
    Phrase.REFUSED_PASSWORD_NOT_CHANGED: (
        "Kata sandi baru sama dengan yang sekarang.",
        "The new password is the present one.",
    ),
}
"""Indonesian, English."""
