"""What takes the browser's answer on an officer's PC: one answer, with the right state, from the right place."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.signing_in import loopback
from cekalwatch.notifier.signing_in.browser_sign_in import for_browser
from cekalwatch.notifier.signing_in.loopback import DONE, LoopbackListener, NoAnswerError
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.translations import Language

CODE = "a code that nobody else may see"


@pytest.fixture(params=list(Language))
def listener(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackListener]:
    monkeypatch.setattr(loopback, "LAST_PAGE_S", 0.0)
    with LoopbackListener(NotifierTexts(request.param)) as found:
        yield found


def get(listener: LoopbackListener, path: str = "", host: str = "", **query: str) -> httpx.Response:
    """Ask as a browser does that goes nowhere by itself; without `path`, at the address that the provider knows."""
    address = listener.redirect_uri if not path else listener.redirect_uri.replace("/sign-in/back", path)
    headers = {"Host": host} if host else {}
    return httpx.get(f"{address}?{urlencode(query)}" if query else address, headers=headers, timeout=10)


def test_an_answer_is_taken_once_and_its_code_stays_in_no_address(listener: LoopbackListener) -> None:
    assert get(listener, DONE).status_code == 404, "nothing has come yet"
    taken = get(listener, state=listener.state, code=CODE)
    assert (taken.status_code, taken.headers["location"]) == (303, DONE)
    assert listener.wait(0.1)["code"] == CODE
    assert get(listener, state=listener.state, code="another").status_code == 404
    assert listener.wait(0.1)["code"] == CODE
    listener.conclude("Masuk <b>", "Tutup & selesai")
    page = get(listener, DONE)
    assert page.status_code == 200
    assert "<h1>Masuk &lt;b&gt;</h1><p>Tutup &amp; selesai</p>" in page.text
    for answer in (taken, page):
        assert CODE not in answer.text
        assert listener.state not in answer.text
        assert "script" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert "server" not in answer.headers


def test_the_first_verdict_stands_on_the_page(listener: LoopbackListener) -> None:
    get(listener, state=listener.state, code=CODE)
    threading.Timer(0.05, listener.conclude, ("first", "1")).start()
    assert "first" in get(listener, DONE).text, "the page waits for it"
    listener.conclude("second", "2")
    assert "first" in get(listener, DONE).text


def test_what_is_no_answer_changes_nothing(listener: LoopbackListener, subtests: pytest.Subtests) -> None:
    port = urlsplit(listener.redirect_uri).port
    twice = f"/sign-in/back?state={listener.state}&state={listener.state}&code=x"
    many = "/sign-in/back?" + "&".join(f"a{n}=1" for n in range(100)) + f"&state={listener.state}"
    right = {"state": listener.state, "code": "x"}
    tries: dict[str, Callable[[], httpx.Response]] = {
        "no state": lambda: get(listener, code="x"),
        "another state": lambda: get(listener, code="x", state="x" * 43),
        "a state that is no text": lambda: get(listener, code="x", state="é\x00"),
        "an error of another page": lambda: get(listener, error="access_denied"),
        "a field twice": lambda: get(listener, twice),
        "many fields": lambda: get(listener, many),
        "another path": lambda: get(listener, "/", **right),
        "a name that points here": lambda: get(listener, host=f"evil.example:{port}", **right),
        "localhost": lambda: get(listener, host=f"localhost:{port}", **right),
    }
    for what, ask in tries.items():
        with subtests.test(what):
            answer = ask()
            assert answer.status_code == 404
            assert "code" not in answer.text
    with subtests.test("a form"):
        assert httpx.post(listener.redirect_uri, data=right, timeout=10).status_code == 501
    with pytest.raises(NoAnswerError):
        listener.wait(0.01)
    assert get(listener, **right).status_code == 303, "and the person's own answer is still taken"


def test_it_listens_to_this_machine_alone_and_no_longer_than_it_must(listener: LoopbackListener) -> None:
    port = urlsplit(listener.redirect_uri).port or 0
    assert listener.redirect_uri == f"http://127.0.0.1:{port}/sign-in/back"
    with socket.socket() as outside, pytest.raises(ConnectionRefusedError):
        outside.connect(("127.0.0.2", port))
    with LoopbackListener(NotifierTexts(Language.EN)) as another:
        assert another.redirect_uri != listener.redirect_uri
        assert another.state != listener.state
        gone = another.redirect_uri
    with pytest.raises(httpx.ConnectError):
        httpx.get(gone, timeout=10)


def test_connections_that_say_nothing_keep_no_answer_out(listener: LoopbackListener) -> None:
    port = urlsplit(listener.redirect_uri).port or 0
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(loopback.MAX_CONNECTIONS - 1)]
    try:
        assert get(listener, state=listener.state, code=CODE).status_code == 303
    finally:
        for one in idle:
            one.close()


def test_who_gives_up_does_not_wait(listener: LoopbackListener) -> None:
    threading.Timer(0.05, listener.cancel).start()
    with pytest.raises(NoAnswerError):
        listener.wait(60)
    assert get(listener, state=listener.state, code=CODE).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "file:///C:/Windows/System32/calc.exe",
        r"\\192.0.2.1\share\x.exe",
        "javascript:alert(1)",
        "http://192.0.2.1/authorize",
        "https://id.example/ --new-window",
        "https://id.example/\nx",
        "https:///x",
        "ms-settings:privacy",
        "-x",
        "",
    ],
)
def test_a_server_cannot_let_this_pc_open_what_is_no_web_page(address: str) -> None:
    texts = NotifierTexts(Language.EN)
    with pytest.raises(ProgramError):
        for_browser(address, texts)
    assert for_browser("https://id.example/authorize?a=b", texts) == "https://id.example/authorize?a=b"
