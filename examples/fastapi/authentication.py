"""Lets in who brings a good access token of a Latchkey server."""

import os
from typing import Annotated, Any

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8000")
AUDIENCE = os.environ.get("AUDIENCE", "https://api.example.com")

# Named here, so that no token chooses how it is verified.
ALGORITHMS = ["EdDSA"]

# What every access token has (RFC 9068 section 2.2): one without it is something else.
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]

# Keeps the keys for five minutes, and fetches them again for a key that it does not know.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", timeout=5)

bearer = HTTPBearer(auto_error=False, description="An access token of Latchkey")


def authenticate(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> dict[str, Any]:
    """The claims of the caller's token. Not `async`: fetching the keys waits."""
    if credentials is None:
        # Who brings no token has made no error (RFC 6750 section 3.1).
        raise challenge("Bearer")
    try:
        return verify(credentials.credentials)
    except jwt.PyJWKClientConnectionError as error:
        # Nobody can say yet whether the token is good.
        raise HTTPException(503, headers={"Retry-After": "5"}) from error
    except jwt.PyJWTError as error:
        raise challenge('Bearer error="invalid_token"') from error


def verify(token: str) -> dict[str, Any]:
    """The claims, or an error that says what is wrong with the token."""
    decoded = jwt.decode_complete(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=ALGORITHMS,
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": REQUIRED},
    )
    # A refresh token has the same signature and another type (RFC 9068 section 4).
    typ = decoded["header"].get("typ")
    if not isinstance(typ, str) or typ.lower() not in ("at+jwt", "application/at+jwt"):
        raise jwt.InvalidTokenError("not an access token")
    return decoded["payload"]


def challenge(value: str) -> HTTPException:
    return HTTPException(401, headers={"WWW-Authenticate": value})


Claims = Annotated[dict[str, Any], Depends(authenticate)]
