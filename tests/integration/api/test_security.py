"""Who is let in: Host names, origins, tokens, scopes, sessions, and calls inside the process."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from backend.api.app import create_api
from backend.api.in_process import in_process_transport
from backend.api.security import SESSION_COOKIE
from backend.client import ApiError, AsyncClient
from backend.services.laboratory import Laboratory
from tests.hands import submit
from tests.integration.api.conftest import Live
from tests.integration.api.serving import problem_of, serve

SECRETS = {"admin": "a" * 20, "submit": "s" * 20, "read": "r" * 20}


def with_page(lab: Laboratory) -> FastAPI:
    """The API with a page, a page's callback and a WebSocket beside it, as the dashboard adds them."""
    app = create_api(lab)
    client = AsyncClient("http://127.0.0.1", transport=in_process_transport(app), retries=0)

    @app.get("/page")
    async def page() -> str:
        return "a page"

    @app.post("/callback/{action}/{study_id}")
    async def callback(action: str, study_id: str) -> JSONResponse:
        try:
            await getattr(client, action)(study_id)
        except ApiError as error:
            return JSONResponse({"refused": error.status})
        return JSONResponse({"refused": None})

    @app.get("/headers")
    async def headers(request: Request) -> dict[str, str]:
        return dict(request.headers)

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    return app


@pytest.fixture
def open_house(laboratory: Laboratory) -> Iterator[Live]:
    """No token: only this computer can connect."""
    with serve(with_page(laboratory)) as url, httpx.Client(base_url=url) as http:
        yield Live(laboratory, url, http)


@pytest.fixture
def locked_house(laboratory: Laboratory) -> Iterator[Live]:
    """A token for each scope."""
    settings = laboratory.settings.model_copy(
        update={
            "api_token": SecretStr(SECRETS["admin"]),
            "api_tokens": SecretStr(f"robot:submit:{SECRETS['submit']}, guest:read:{SECRETS['read']}"),
        }
    )
    lab = replace(laboratory, settings=settings)
    with serve(with_page(lab)) as url, httpx.Client(base_url=url) as http:
        yield Live(lab, url, http)


def bearer(scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[scope]}"}


def log_in(house: Live, scope: str) -> httpx.Response:
    return house.http.post("/api/v1/session", json={"token": SECRETS[scope]})


@pytest.mark.parametrize("path", ["/api/v1/studies", "/page", "/api/docs", "/login"])
def test_a_foreign_host_name_is_refused_everywhere(open_house: Live, path: str) -> None:
    for host in ("evil.example", "evil.example:8050", "127.0.0.1.evil.example", "localhost@evil.example", ""):
        problem_of(open_house.http.get(path, headers={"Host": host}), 421)
    for host in ("localhost:8050", "LOCALHOST", "[::1]:8050", "127.0.0.1"):
        assert open_house.http.get(path, headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_changes_nothing(open_house: Live, headers: dict[str, str]) -> None:
    study = submit(open_house.lab)
    path = f"/api/v1/studies/{study.id}"
    problem_of(open_house.http.delete(path, headers=headers), 403)
    problem_of(open_house.http.post(f"{path}/cancel", headers=headers), 403)
    problem_of(open_house.http.post(f"/callback/delete_study/{study.id}", headers=headers), 403)
    assert open_house.http.get("/api/v1/events", headers=headers).status_code == 403
    assert open_house.http.get(path).json()["state"] == "queued"


def test_our_own_page_may(open_house: Live) -> None:
    study = submit(open_house.lab)
    own = {"Origin": open_house.url, "Sec-Fetch-Site": "same-origin"}
    assert open_house.http.delete(f"/api/v1/studies/{study.id}", headers=own).status_code == 204


def test_no_answer_can_be_framed_or_sniffed(open_house: Live) -> None:
    for path in ("/page", "/api/v1/health", "/api/v1/nope"):
        headers = open_house.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def socket_says(house: Live, headers: dict[str, str], origin: str | None) -> str:
    address = house.url.replace("http", "ws") + "/socket"
    with connect(address, origin=origin, additional_headers=headers) as socket:  # type: ignore[arg-type]
        return str(socket.recv(timeout=5))


def test_sockets_open_for_our_own_page_only(open_house: Live) -> None:
    assert socket_says(open_house, {}, open_house.url) == "hello"
    for headers, origin in (({}, "https://evil.example"), ({"Sec-Fetch-Site": "cross-site"}, None)):
        with pytest.raises(InvalidStatus):
            socket_says(open_house, headers, origin)


def test_sockets_need_the_token_too(locked_house: Live) -> None:
    with pytest.raises(InvalidStatus):
        socket_says(locked_house, {}, locked_house.url)
    cookie = log_in(locked_house, "read").cookies[SESSION_COOKIE]
    assert socket_says(locked_house, {"Cookie": f"{SESSION_COOKIE}={cookie}"}, locked_house.url) == "hello"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTph"}])
def test_without_the_token_nothing_is_told(locked_house: Live, headers: dict[str, str]) -> None:
    for path in ("/api/v1/studies", "/api/v1/events", "/api/openapi.json", "/api/docs", "/headers", "/api/v1/session"):
        answer = locked_house.http.get(path, headers=headers)
        problem_of(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert locked_house.http.get("/api/v1/health", headers=headers).status_code == 200, "for health checks"


@pytest.mark.parametrize(
    ("scope", "get", "post", "delete"),
    [("read", 200, 403, 403), ("submit", 200, 202, 403), ("admin", 200, 202, 204)],
)
def test_scopes(locked_house: Live, scope: str, get: int, post: int, delete: int) -> None:
    path = f"/api/v1/studies/{submit(locked_house.lab).id}"
    http, headers = locked_house.http, bearer(scope)
    assert http.get(path, headers=headers).status_code == get
    assert http.post(f"{path}/cancel", headers=headers).status_code == post
    assert http.delete(path, headers=headers).status_code == delete
    session = http.get("/api/v1/session", headers=headers).json()
    assert (session["scope"], session["token_needed"]) == (scope, True)


def test_a_page_without_a_session_leads_to_the_login(locked_house: Live) -> None:
    answer = locked_house.http.get("/page", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/page")
    assert "<form>" in locked_house.http.get("/login").text


def test_logging_in_and_out(locked_house: Live) -> None:
    problem_of(locked_house.http.post("/api/v1/session", json={"token": "wrong"}), 401)
    answer = log_in(locked_house, "submit")
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert SECRETS["submit"] not in cookie
    assert locked_house.http.get("/page").status_code == 200
    assert locked_house.http.get("/api/v1/session").json()["name"] == "robot"
    assert locked_house.http.delete("/api/v1/session").status_code == 204, "every scope may leave"
    problem_of(locked_house.http.get("/api/v1/session"), 401)


@pytest.mark.parametrize("change", ["another signature", "a later end", "no signature", "nothing"])
def test_a_cookie_of_ones_own_making_opens_nothing(locked_house: Live, change: str) -> None:
    cookie = log_in(locked_house, "admin").cookies[SESSION_COOKIE]
    expires, _, signature = cookie.partition(".")
    forged = {
        "another signature": f"{expires}.{signature[::-1]}",
        "a later end": f"{int(expires) + 1}.{signature}",
        "no signature": f"{expires}.",
        "nothing": "",
    }[change]
    with httpx.Client(base_url=locked_house.url, cookies={SESSION_COOKIE: forged}) as stranger:
        problem_of(stranger.get("/api/v1/studies"), 401)


@pytest.mark.parametrize(("scope", "refused"), [("read", 403), ("submit", 403), ("admin", None)])
def test_a_page_acts_with_its_visitors_rights(locked_house: Live, scope: str, refused: int | None) -> None:
    study = submit(locked_house.lab)
    log_in(locked_house, scope)
    answer = locked_house.http.post(f"/callback/delete_study/{study.id}", headers={"Origin": locked_house.url})
    assert answer.json() == {"refused": refused}
    assert locked_house.http.post(f"/callback/study/{study.id}").json() == {"refused": None if refused else 404}


def test_nobody_can_pretend_to_be_inside(locked_house: Live) -> None:
    log_in(locked_house, "admin")
    locked_house.http.get("/page")  # an admin's request on this connection leaves no rights behind
    locked_house.http.cookies.clear()
    claims = {"dilution_lab.in_process": "1", "X-In-Process": "true"}
    problem_of(locked_house.http.get("/api/v1/studies", headers=claims), 401)


def test_too_many_changes_are_slowed_down(locked_house: Live) -> None:
    codes = [locked_house.http.post("/api/v1/session", json={"token": "guess"}).status_code for _ in range(140)]
    assert codes[:120] == [401] * 120
    many = (locked_house.http.post("/api/v1/session", json={"token": "guess"}) for _ in range(500))
    limited = next(answer for answer in many if answer.status_code == 429)
    assert "10 a second" in problem_of(limited, 429)["detail"]
    assert int(limited.headers["retry-after"]) >= 1
    assert locked_house.http.get("/api/v1/studies", headers=bearer("read")).status_code == 200
    study = submit(locked_house.lab)
    answer = locked_house.http.post(f"/api/v1/studies/{study.id}/cancel", headers=bearer("submit"))
    assert answer.status_code == 202, "others are not slowed down"


def test_one_person_on_one_computer_is_not_limited(open_house: Live) -> None:
    codes = {open_house.http.post("/api/v1/session", json={"token": "x"}).status_code for _ in range(150)}
    assert codes == {200}


def test_first_answers_are_kept_for_their_own_client_only(locked_house: Live) -> None:
    body = {"name": "Mine", "preset": "Two cores"}
    key = {"Idempotency-Key": "k"}
    mine = locked_house.http.post("/api/v1/studies", json=body, headers={**bearer("submit"), **key})
    yours = locked_house.http.post("/api/v1/studies", json=body, headers={**bearer("admin"), **key})
    assert mine.json()["id"] != yours.json()["id"]
    refused = locked_house.http.post("/api/v1/studies", json=body, headers={**bearer("read"), **key})
    problem_of(refused, 403)
