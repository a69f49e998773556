"""A FastAPI service that trusts the access tokens of a Latchkey server."""

from fastapi import FastAPI

from authentication import Claims

app = FastAPI(title="A service behind Latchkey")


@app.get("/me")
def me(claims: Claims) -> dict[str, str]:
    return {"user_id": claims["sub"]}
