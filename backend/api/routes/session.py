"""Sessions: how a browser proves its token, since a page cannot send a bearer token with every request."""

from fastapi import APIRouter, HTTPException, Request, Response

from backend.api.deps import Lab
from backend.api.security import (
    LOCAL_USER,
    SESSION_COOKIE,
    SESSION_SECONDS,
    Principal,
    new_session,
    principal_of,
    tokens,
)
from backend.contracts.messages import Session, SessionCreate
from backend.services.laboratory import Laboratory

router = APIRouter(prefix="/session", tags=["house"])


@router.get("", summary="Who am I")
def show_session(lab: Lab, request: Request) -> Session:
    """The principal of this request; 401 when a token is needed and none was given."""
    principal = request.scope.get("principal")
    if principal is None:
        raise HTTPException(401, "nobody is logged in", {"WWW-Authenticate": 'Bearer realm="Dilution Lab"'})
    return _message(lab, principal)


@router.post("", summary="Log in")
def log_in(lab: Lab, wanted: SessionCreate, request: Request, response: Response) -> Session:
    """Exchange a token for a cookie (HttpOnly, SameSite=Strict) that lasts a week or until the token changes."""
    known = tokens(lab.settings)
    if not known:
        return _message(lab, LOCAL_USER)
    principal = principal_of(known, wanted.token)
    cookie = new_session(known, wanted.token)
    if principal is None or cookie is None:
        raise HTTPException(401, "this token is not known here", {"WWW-Authenticate": 'Bearer realm="Dilution Lab"'})
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return _message(lab, principal)


@router.delete("", status_code=204, summary="Log out")
def log_out(response: Response) -> None:
    """Forget the cookie."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")


def _message(lab: Laboratory, principal: Principal) -> Session:
    needed = bool(tokens(lab.settings))
    return Session(name=principal.name, scope=principal.scope.word, token_needed=needed)
