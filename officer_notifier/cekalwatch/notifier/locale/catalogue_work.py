"""The texts of what people do with alerts: states, steps, reasons, refusals, facts."""

from __future__ import annotations

from cekalwatch.notifier.locale.phrases import Phrase

TEXTS: dict[Phrase, tuple[str, str]] = {
    # Where an alert stands.
    Phrase.STATE_NEW: ("Baru", "New"),
    Phrase.STATE_CLAIMED: ("Sedang diperiksa", "Being looked at"),
    Phrase.STATE_CANNOT_DETERMINE: ("Tidak dapat ditentukan", "Cannot be told"),
    Phrase.STATE_REFERRED: ("Dirujuk ke Cekal Online", "Referred to Cekal Online"),
    Phrase.STATE_CONFIRMED: ("Dikonfirmasi", "Confirmed"),
    Phrase.STATE_CLEARED: ("Bukan orangnya", "Cleared"),
    Phrase.STATE_CLOSED: ("Selesai", "Closed"),
    Phrase.STATE_UNKNOWN: ("Status tidak dikenal", "Unknown state"),
    Phrase.ESCALATION_SUPERVISOR: ("Dieskalasi ke penyelia", "Escalated to supervisors"),
    Phrase.ESCALATION_SITE: ("Dieskalasi ke seluruh pos", "Escalated to the whole site"),
    # What a person can do.
    Phrase.STEP_CLAIM: ("Ambil", "Claim"),
    Phrase.STEP_RELEASE: ("Lepaskan", "Release"),
    Phrase.STEP_REFER: ("Orang yang sama → rujuk", "Same person → refer"),
    Phrase.STEP_NOT_SAME: ("Bukan orang yang sama", "Not the same person"),
    Phrase.STEP_CANNOT_TELL: ("Tidak dapat ditentukan", "Cannot tell"),
    Phrase.STEP_CONFIRM: ("Konfirmasi (penyelia)", "Confirm (supervisor)"),
    Phrase.STEP_CLEAR: ("Nyatakan bukan orangnya", "Clear"),
    Phrase.STEP_FOLLOW_UP: ("Catat tindak lanjut", "Record follow-up"),
    Phrase.STEP_CLOSE: ("Tutup", "Close the alert"),
    # Why not.
    Phrase.HINDRANCE_SIGN_IN: ("Masuk dahulu.", "Sign in first."),
    Phrase.HINDRANCE_ROLE: ("Peran Anda hanya boleh melihat.", "Your role may only look."),
    Phrase.HINDRANCE_HELD: ("Sedang dipegang {holder}.", "{holder} holds it."),
    Phrase.HINDRANCE_OFFICER: ("Dinilai oleh petugas.", "An officer judges it."),
    Phrase.HINDRANCE_SUPERVISOR: ("Harus oleh penyelia.", "A supervisor has to do this."),
    Phrase.HINDRANCE_SECOND_PERSON: (
        "Anda yang menilai; orang lain yang mengonfirmasi.",
        "You judged it; another person confirms.",
    ),
    Phrase.HINDRANCE_FOLLOW_UP: (
        "Catat tindak lanjut dengan instansi dahulu.",
        "Record a contact with the agency first.",
    ),
    # What was found, and why.
    Phrase.OUTCOME_NOT_SAME_PERSON: ("Bukan orang yang sama", "Not the same person"),
    Phrase.OUTCOME_CANNOT_DETERMINE: ("Tidak dapat ditentukan", "Cannot be told"),
    Phrase.OUTCOME_REFERRED: ("Dirujuk", "Referred"),
    Phrase.OUTCOME_CONFIRMED: ("Dikonfirmasi", "Confirmed"),
    Phrase.OUTCOME_CLEARED: ("Bukan orangnya", "Cleared"),
    Phrase.OUTCOME_UNKNOWN: ("Hasil tidak dikenal", "Unknown outcome"),
    Phrase.REASON_FACE_DIFFERS: ("Wajah berbeda", "The faces differ"),
    Phrase.REASON_PARTICULARS_DIFFER: ("Data diri berbeda", "Name, sex, age or documents differ"),
    Phrase.REASON_KNOWN_LOOK_ALIKE: ("Orang mirip yang sudah dikenal", "A known look-alike"),
    Phrase.REASON_IMAGE_TOO_POOR: ("Citra terlalu buruk", "The picture is too poor"),
    Phrase.REASON_TRAVELLER_GONE: ("Pelintas sudah pergi", "The traveller has gone"),
    Phrase.REASON_DOCUMENT_UNCLEAR: ("Dokumen tidak memberi kejelasan", "The documents do not tell"),
    Phrase.REASON_FACE_AGREES: ("Wajah sesuai", "The faces agree"),
    Phrase.REASON_PARTICULARS_AGREE: ("Data diri sesuai", "Name, sex, age or documents agree"),
    Phrase.REASON_LISTED_IN_CEKAL_ONLINE: ("Tercantum di Cekal Online", "Listed in Cekal Online"),
    Phrase.REASON_NOT_LISTED_IN_CEKAL_ONLINE: ("Tidak tercantum di Cekal Online", "Not listed in Cekal Online"),
    Phrase.REASON_ORDER_ENDED: ("Keputusan tidak berlaku lagi", "No order is in force any more"),
    Phrase.REASON_OTHER: ("Lainnya (wajib catatan)", "Something else (note needed)"),
    Phrase.REASON_UNKNOWN: ("Alasan tidak dikenal", "Unknown reason"),
    # Why the server refused.
    Phrase.REFUSED_UNREACHABLE: (
        "Server tidak terjangkau. Belum tercatat; coba lagi setelah tersambung.",
        "The server cannot be reached. Nothing was recorded; try again when the connection is back.",
    ),
    Phrase.REFUSED_FAILED: (
        "Ditolak server ({code}). Belum tercatat.",
        "The server refused it ({code}). Nothing was recorded.",
    ),
    Phrase.REFUSED_ALERT_HELD_BY: ("{holder} lebih dahulu mengambil peringatan ini.", "{holder} holds this alert."),
    Phrase.REFUSED_ALERT_HELD: ("Petugas lain memegang peringatan ini.", "Another officer holds this alert."),
    Phrase.REFUSED_ALERT_NOT_CLAIMED: (
        "Peringatan ini sudah tidak Anda pegang. Ambil lagi.",
        "You do not hold this alert any more. Claim it again.",
    ),
    Phrase.REFUSED_ALERT_STATE_WRONG: (
        "Langkah ini tidak mungkin lagi: peringatan sudah berubah.",
        "This step is not possible any more: the alert has moved on.",
    ),
    Phrase.REFUSED_ALERT_CHANGED: (
        "Ada perubahan sejak ditampilkan. Lihat lagi, lalu putuskan.",
        "It has changed since it was shown. Look again, then decide.",
    ),
    Phrase.REFUSED_ALERT_NOT_FOUND: (
        "Peringatan ini tidak ada lagi di server.",
        "The server holds this alert no more.",
    ),
    Phrase.REFUSED_OUTCOME_NOT_ALLOWED: (
        "Hasil ini tidak berlaku untuk langkah ini.",
        "This step does not take this outcome.",
    ),
    Phrase.REFUSED_REASON_INVALID: (
        "Alasan ini tidak berlaku untuk hasil ini.",
        "This reason is none of this outcome's.",
    ),
    Phrase.REFUSED_NOTE_INVALID: (
        "Teks paling banyak 1000 huruf, dan tidak boleh kosong bila wajib.",
        "A text has at most 1000 characters, and is not empty where it is needed.",
    ),
    Phrase.REFUSED_REFERENCE_INVALID: (
        "Nomor Cekal Online tidak berbentuk benar: 4–64 dari A–Z, 0–9, / . -",
        "The Cekal Online number is not of the right form: 4 to 64 of A–Z, 0–9, / . -",
    ),
    Phrase.REFUSED_ORDER_NOT_IN_FORCE: (
        "Tidak ada keputusan cekal yang masih berlaku. Nyatakan tidak dapat ditentukan, atau bukan orangnya.",
        "No ban order is in force any more. Choose another outcome.",
    ),
    Phrase.REFUSED_FOLLOW_UP_MISSING: (
        "Catat tindak lanjut dengan instansi dahulu.",
        "Record a contact with the agency first.",
    ),
    Phrase.REFUSED_TOO_MANY_FOLLOW_UPS: (
        "Tindak lanjut sudah mencapai batas.",
        "There are as many follow-ups as an alert can hold.",
    ),
    Phrase.REFUSED_SAME_PERSON_TWICE: (
        "Perlu dua orang yang berbeda: yang menilai tidak boleh mengonfirmasi.",
        "Two different people are needed: who judged it cannot confirm it.",
    ),
    Phrase.REFUSED_SECOND_PERSON_NEEDED: ("Perlu orang kedua.", "A second person is needed."),
    Phrase.REFUSED_PERSON_ROLE_NEEDED: (
        "Peran Anda tidak mengizinkan langkah ini.",
        "Your role does not allow this step.",
    ),
    Phrase.REFUSED_SIGN_IN_NOT_OFFERED: (
        "Server tidak menerima masuk dengan kata sandi.",
        "The server does not let people in by password.",
    ),
    Phrase.REFUSED_PASSWORD_CHANGE_NEEDED: ("Ganti kata sandi pertama dahulu.", "Change the first password first."),
    Phrase.REFUSED_METHOD_NOT_ALLOWED: (
        "PC ini tidak diizinkan melakukan langkah ini.",
        "This PC is not allowed to do this.",
    ),
    Phrase.REFUSED_SITE_NOT_ALLOWED: ("Ini milik pos lain.", "This belongs to another site."),
    # What happened last, in words of a list.
    Phrase.EVENT_HELD_BY: ("dipegang {holder}", "held by {holder}"),
    # Alerts named by a key.
    Phrase.KEY_TOO_SHORT: ("Kunci paling sedikit {count} huruf.", "A key has at least {count} characters."),
    Phrase.KEY_FITS: (
        "{count} peringatan dua hari terakhir berakhiran kunci itu; harus tepat satu.",
        "{count} alerts of the last two days end with this key; it must be exactly one.",
    ),
    # The facts of an alert.
    Phrase.FACT_NAME: ("Nama", "Name"),
    Phrase.FACT_ALIASES: ("Nama lain", "Also known as"),
    Phrase.FACT_SEX: ("Jenis kelamin", "Sex"),
    Phrase.FACT_BORN: ("Lahir", "Born"),
    Phrase.FACT_NATIONALITY: ("Kewarganegaraan", "Nationality"),
    Phrase.FACT_NIK: ("NIK", "NIK"),
    Phrase.FACT_DOCUMENTS: ("Dokumen", "Documents"),
    Phrase.FACT_KIND: ("Jenis", "Kind"),
    Phrase.FACT_DECREE: ("Keputusan", "Decree"),
    Phrase.FACT_AGENCY: ("Instansi pemohon", "Requesting agency"),
    Phrase.FACT_VALIDITY: ("Berlaku", "Valid"),
    Phrase.FACT_PLACE: ("Tempat", "Place"),
    Phrase.FACT_TIME: ("Citra diambil", "Frame taken"),
    Phrase.FACT_RAISED: ("Peringatan muncul", "Alert raised"),
    Phrase.FACT_STATE: ("Status", "State"),
    Phrase.FACT_FINDING: ("Penilaian", "Finding"),
    Phrase.FACT_REFERENCE: ("Nomor Cekal Online", "Cekal Online number"),
    Phrase.FACT_FOLLOW_UP: ("Tindak lanjut", "Follow-up"),
    Phrase.FACT_SIMILARITY: ("Kemiripan", "Similarity"),
    Phrase.SEX_M: ("Laki-laki", "Male"),
    Phrase.SEX_F: ("Perempuan", "Female"),
    Phrase.SEX_X: ("X", "X"),
    Phrase.LATE: ("TERLAMBAT: pelintas mungkin sudah lewat", "LATE: the traveller may have gone on"),
    Phrase.ORDER_NOT_ACTIVE: ("tidak berlaku", "not in force"),
}
"""Indonesian, English."""
