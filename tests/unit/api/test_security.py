import time

import pytest
from pydantic import SecretStr

from backend.api import security
from backend.api.security import BindingRefused, Scope, allowed_host, check_binding, same_origin, tokens
from backend.settings import Settings

SECRET = "0123456789abcdef"


def house(**changes: object) -> Settings:
    return Settings(_env_file=None, **changes)  # type: ignore[arg-type, call-arg]


def locked(**changes: object) -> Settings:
    return house(api_token=SecretStr(SECRET), **changes)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_needs_no_token(host: str) -> None:
    check_binding(house(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "lab.example"])
def test_any_other_address_needs_one(host: str) -> None:
    with pytest.raises(BindingRefused, match="API_TOKEN") as refusal:
        check_binding(house(host=host))
    assert host in str(refusal.value)
    check_binding(locked(host=host))
    check_binding(house(host=host, api_tokens=SecretStr(f"me:read:{SECRET}")))
    with pytest.raises(BindingRefused):
        check_binding(house(host=host, api_token=SecretStr("")))


def test_tokens_with_their_scopes() -> None:
    own = locked(api_tokens=SecretStr(f" robot:submit:{SECRET}1 , guest:READ:with:colons:{SECRET},"))
    found = [(token.principal.name, token.principal.scope, token.secret) for token in tokens(own)]
    assert found == [
        ("admin", Scope.ADMIN, SECRET),
        ("robot", Scope.SUBMIT, SECRET + "1"),
        ("guest", Scope.READ, f"with:colons:{SECRET}"),
    ]


@pytest.mark.parametrize(
    "listed", ["swordfishswordfish", "me:swordfishswordfish", "me:root:swordfishswordfish", "me:read:short"]
)
def test_a_malformed_token_is_named_by_its_place_and_not_shown(listed: str) -> None:
    with pytest.raises(ValueError, match="token 2 of API_TOKENS") as refusal:
        tokens(house(api_tokens=SecretStr(f"ok:read:{SECRET},{listed}")))
    assert "swordfish" not in str(refusal.value)
    assert "short" not in str(refusal.value).replace("shorter", "")


def test_no_log_can_show_a_secret() -> None:
    own = locked()
    assert SECRET not in repr(tokens(own)) + repr(own) + str(own.model_dump())


def test_a_secret_proves_its_principal_only() -> None:
    known = tokens(locked(api_tokens=SecretStr(f"robot:submit:{SECRET}1")))
    robot = security.principal_of(known, SECRET + "1")
    assert robot is not None
    assert robot.name == "robot"
    assert security.principal_of(known, SECRET[:-1]) is None
    assert security.principal_of(known, "") is None
    assert security.principal_of(known, "clé") is None


def test_a_session_ends_with_its_week_and_with_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tokens(locked(api_tokens=SecretStr(f"robot:submit:{SECRET}1")))
    cookie = security.new_session(known, SECRET + "1")
    assert cookie is not None
    robot = security.principal_of_session(known, cookie)
    assert robot is not None
    assert robot.scope is Scope.SUBMIT
    promoted = tokens(locked(api_tokens=SecretStr(f"robot:admin:{SECRET}1")))
    assert security.principal_of_session(promoted, cookie) is None
    assert security.principal_of_session(tokens(locked()), cookie) is None
    later = time.time() + security.SESSION_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert security.principal_of_session(known, cookie) is None


@pytest.mark.parametrize("cookie", ["", ".", "1", "x.y", "9" * 30, f"{10**10}.", f"{10**10}.é", "²." + "0" * 64])
def test_what_is_no_cookie_is_nobody(cookie: str) -> None:
    assert security.principal_of_session(tokens(locked()), cookie) is None


def test_hosts() -> None:
    own = locked(host="192.168.1.5", allowed_hosts="lab.example, Other.Example")
    for host in ("192.168.1.5:8050", "lab.example", "LAB.example.:443", "other.example:1", "localhost", "[::1]:8050"):
        assert allowed_host(own, host), host
    for host in ("10.0.0.1", "lab.example.evil.example", "xlab.example", "", ":8050", "[::1", "a b"):
        assert not allowed_host(own, host), host


def test_bound_to_every_address_any_ip_is_ours_and_no_name() -> None:
    own = locked(host="0.0.0.0")
    assert allowed_host(own, "10.0.0.1:8050")
    assert allowed_host(own, "[fe80::1]:8050")
    assert not allowed_host(own, "evil.example:8050")


@pytest.mark.parametrize(
    ("origin", "fetch_site", "ours"),
    [
        (None, None, True),  # curl
        ("http://127.0.0.1:8050", "same-origin", True),
        ("https://127.0.0.1:8050", None, True),  # behind a proxy that ends TLS
        (None, "none", True),  # typed into the address bar
        ("http://127.0.0.1:3000", None, False),
        ("http://127.0.0.1:8050", "same-site", False),
        ("http://evil.example", None, False),
        ("null", None, False),
        ("", None, False),
        (None, "cross-site", False),
    ],
)
def test_origins(origin: str | None, fetch_site: str | None, ours: bool) -> None:
    assert same_origin("127.0.0.1:8050", origin, fetch_site) is ours
