"""The survey's words, in English and Indonesian."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cekalwatch.camera.survey.findings import Advice, Grade, SurveyResult
from cekalwatch.camera.survey.fitness import Flaw


class Language(StrEnum):
    """In which language the technician reads."""

    ENGLISH = "en"
    INDONESIAN = "id"


TEXTS: Final[dict[Language, dict[str, str]]] = {
    Language.ENGLISH: {
        "title": "Camera survey",
        "grade_good": "Good",
        "grade_fair": "Fair",
        "grade_poor": "Poor",
        "grade_unknown": "Too few people passed to say",
        "summary": "{fit} of {passages} passages had a face fit for an alert ({share})",
        "sendable": "{sendable} of {passages} had a face that is large enough to be sent at all",
        "advice": "What to do",
        "recorded": "{minutes} minutes, {frames} frames ({rate} a second), {width}×{height}",
        "detector": "Face detector",
        "flaws": "What was wrong, in passages without a fit face",
        "figures": "The best face of each passage",
        "pictures": "Examples",
        "picture_fit": "fit for an alert",
        "wanted": "wanted",
        "median": "half of the passages are below {p50}; one tenth below {p10}, one tenth above {p90}",
        "privacy_blurred": "Faces are blurred and the pictures reduced. Nothing else was kept.",
        "privacy_shown": "The pictures show people. Delete this report when the camera has been adjusted.",
        "none": "No pictures: nobody passed.",
        "eye_distance_px": "Distance between the eyes, pixels",
        "yaw_degrees": "Head turned to the side, degrees",
        "pitch_degrees": "Head nodding (positive: seen from above), degrees",
        "sharpness": "Sharpness, 0 to 1",
        "brightness": "Light on the face, 0 (black) to 1 (white)",
        "flaw_small": "too small",
        "flaw_turned": "turned to the side",
        "flaw_nodding": "seen from above or below",
        "flaw_blurred": "blurred",
        "flaw_dark": "too dark",
        "flaw_bright": "too bright",
        "advice_nobody": "Nobody passed, or no face was found. Look at the picture with `cekalwatch-camera preview`, "
        "and survey at a time when travellers come.",
        "advice_few": "Only {passages} passages were seen. Survey longer: 20 are needed at least, 100 are better.",
        "advice_nearer": "Faces are too small. Zoom in or come nearer, until they are {magnify} times as large; or use "
        "a higher resolution of the camera, if it has one.",
        "advice_facing": "Faces are turned to the side. Hang the camera where travellers walk towards it, not beside "
        "their way.",
        "advice_lower": "Faces are seen from above or below. Aim 3 to 4 m up the queue, not at the desk; or hang the "
        "camera lower (2.4 m is high enough).",
        "advice_focus": "Faces are blurred. Set the focus to where travellers stand; a shutter of 1/100 s or shorter "
        "freezes somebody who walks; clean the lens.",
        "advice_lighter": "Faces are too dark. Light them from the camera's side, avoid windows behind them, or expose "
        "longer (backlight compensation).",
        "advice_darker": "Faces are too bright. Expose shorter, or take away the lamp that shines on them.",
        "advice_rate": "Only {rate} frames a second came. Set the camera to 10 to 15, or give this machine less to do.",
        "advice_fine": "Nothing: leave it as it is.",
    },
    Language.INDONESIAN: {
        "title": "Survei kamera",
        "grade_good": "Baik",
        "grade_fair": "Cukup",
        "grade_poor": "Kurang",
        "grade_unknown": "Terlalu sedikit orang lewat untuk dinilai",
        "summary": "{fit} dari {passages} perlintasan memiliki wajah yang layak untuk peringatan ({share})",
        "sendable": "{sendable} dari {passages} memiliki wajah yang cukup besar untuk dikirim",
        "advice": "Yang perlu dilakukan",
        "recorded": "{minutes} menit, {frames} bingkai ({rate} per detik), {width}×{height}",
        "detector": "Pendeteksi wajah",
        "flaws": "Kekurangan pada perlintasan tanpa wajah yang layak",
        "figures": "Wajah terbaik dari setiap perlintasan",
        "pictures": "Contoh",
        "picture_fit": "layak untuk peringatan",
        "wanted": "diharapkan",
        "median": "separuh perlintasan di bawah {p50}; sepersepuluh di bawah {p10}, sepersepuluh di atas {p90}",
        "privacy_blurred": "Wajah dikaburkan dan gambar diperkecil. Tidak ada hal lain yang disimpan.",
        "privacy_shown": "Gambar memperlihatkan orang. Hapus laporan ini setelah kamera selesai disetel.",
        "none": "Tidak ada gambar: tidak ada orang lewat.",
        "eye_distance_px": "Jarak antarmata, piksel",
        "yaw_degrees": "Kepala menoleh ke samping, derajat",
        "pitch_degrees": "Kepala menunduk (positif: terlihat dari atas), derajat",
        "sharpness": "Ketajaman, 0 sampai 1",
        "brightness": "Cahaya pada wajah, 0 (hitam) sampai 1 (putih)",
        "flaw_small": "terlalu kecil",
        "flaw_turned": "menoleh ke samping",
        "flaw_nodding": "terlihat dari atas atau bawah",
        "flaw_blurred": "kabur",
        "flaw_dark": "terlalu gelap",
        "flaw_bright": "terlalu terang",
        "advice_nobody": "Tidak ada orang lewat, atau tidak ada wajah yang ditemukan. Lihat gambar dengan "
        "`cekalwatch-camera preview`, dan lakukan survei saat ada pelintas.",
        "advice_few": "Hanya {passages} perlintasan terlihat. Lakukan survei lebih lama: paling sedikit 20, lebih baik "
        "100.",
        "advice_nearer": "Wajah terlalu kecil. Perbesar (zoom) atau dekatkan kamera sampai wajah {magnify} kali lebih "
        "besar; atau pakai resolusi kamera yang lebih tinggi, jika ada.",
        "advice_facing": "Wajah menoleh ke samping. Pasang kamera di arah datangnya pelintas, bukan di samping "
        "jalannya.",
        "advice_lower": "Wajah terlihat dari atas atau bawah. Arahkan 3 sampai 4 m ke antrean, bukan ke meja; atau "
        "pasang kamera lebih rendah (2,4 m sudah cukup tinggi).",
        "advice_focus": "Wajah kabur. Atur fokus ke tempat pelintas berdiri; rana 1/100 detik atau lebih cepat "
        "membekukan orang yang berjalan; bersihkan lensa.",
        "advice_lighter": "Wajah terlalu gelap. Terangi dari sisi kamera, hindari jendela di belakang orang, atau "
        "perpanjang pencahayaan (kompensasi cahaya belakang).",
        "advice_darker": "Wajah terlalu terang. Perpendek pencahayaan, atau singkirkan lampu yang menyorotnya.",
        "advice_rate": "Hanya {rate} bingkai per detik yang datang. Setel kamera ke 10 sampai 15, atau kurangi beban "
        "mesin ini.",
        "advice_fine": "Tidak ada: biarkan seperti ini.",
    },
}


class Words:
    """What a survey says in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = TEXTS[language]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its values put in."""
        return self._texts[key].format(**values)

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number as the language writes it."""
        text = f"{value:.{digits}f}"
        return text.replace(".", ",") if self.language is Language.INDONESIAN else text

    def edge(self, value: float) -> str:
        """Return a bin's edge, as short as it can be written."""
        text = f"{value:g}".replace("-", "−")
        return text.replace(".", ",") if self.language is Language.INDONESIAN else text

    def share(self, part: int, whole: int) -> str:
        """Return a share as a percentage."""
        return f"{self.number(100 * part / whole if whole else 0)} %"

    def grade(self, grade: Grade) -> str:
        """Return the grade's word."""
        return self(f"grade_{grade}")

    def flaw(self, flaw: Flaw) -> str:
        """Return the flaw's words."""
        return self(f"flaw_{flaw}")

    def advice(self, advice: Advice, found: SurveyResult) -> str:
        """Return the advice with this survey's figures in it."""
        return self(
            f"advice_{advice}",
            passages=found.passages,
            magnify=self.number(found.magnify or 1.0, 1),
            rate=self.number(found.recording.rate, 1),
        )

    def summary(self, found: SurveyResult) -> list[str]:
        """Return the first sentences of a report."""
        share = self.share(found.fit, found.passages)
        return [
            self("summary", fit=found.fit, passages=found.passages, share=share),
            self("sendable", sendable=found.sendable, passages=found.passages),
        ]

    def recorded(self, found: SurveyResult) -> str:
        """Return what was looked at."""
        recording = found.recording
        return self(
            "recorded",
            minutes=self.number(recording.seconds / 60, 1),
            frames=recording.frames,
            rate=self.number(recording.rate, 1),
            width=recording.width,
            height=recording.height,
        )
