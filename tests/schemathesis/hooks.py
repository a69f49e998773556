"""What schemathesis cannot read from the description of the API: who asks.

Each request that wants a token gets one of a session of its own, so that the end of one
session is not the end of the run. The user changes now and then, so that none has thousands.
"""

import base64
import itertools
import os

import requests
import schemathesis

ORIGIN = os.environ["LATCHKEY_ORIGIN"]
CLIENT = f"{os.environ['LATCHKEY_CLIENT_ID']}:{os.environ['LATCHKEY_CLIENT_SECRET']}"

NAME = "Ada Lovelace"
PASSWORD = "Kestrel-over-27-moors"
SESSIONS_OF_A_USER = 200


def post(path, body):
    return requests.post(f"{ORIGIN}/api/v1/users/{path}", json=body, timeout=60)


class User:
    """Somebody who signs in for each request, and signs up again when deleted."""

    def __init__(self):
        self.numbers = itertools.count()
        self.email = None
        self.left = 0

    def session(self):
        """The tokens of a new session."""
        if self.left:
            self.left -= 1
            answer = post("signin", {"email": self.email, "password": PASSWORD})
            if answer.ok:
                return answer.json()
        self.left = SESSIONS_OF_A_USER
        self.email = f"somebody-{next(self.numbers)}@example.com"
        answer = post("signup", {"name": NAME, "email": self.email, "password": PASSWORD})
        answer.raise_for_status()
        return answer.json()


USER = User()


def authorize(case, value):
    case.headers = case.headers or {}
    case.headers["Authorization"] = value


def takes(scheme):
    """Whether the operation names this kind of credentials."""

    def is_named(context):
        security = context.operation.definition.raw.get("security", [])
        return any(scheme in alternative for alternative in security)

    return is_named


@schemathesis.auth(refresh_interval=None).apply_to(takes("access_token"))
class AccessToken:
    def get(self, case, context):
        return USER.session()["access_token"]

    def set(self, case, token, context):
        authorize(case, f"Bearer {token}")


@schemathesis.auth(refresh_interval=None).apply_to(operation_id="refresh")
class RefreshToken:
    def get(self, case, context):
        return USER.session()["refresh_token"]

    def set(self, case, token, context):
        authorize(case, f"Bearer {token}")


@schemathesis.auth(refresh_interval=None).apply_to(takes("client"))
class Client:
    def get(self, case, context):
        return CLIENT

    def set(self, case, client, context):
        encoded = base64.b64encode(client.encode()).decode()
        authorize(case, f"Basic {encoded}")


# Where a body may say who asks. To say it there and in the header is refused.
IN_BODY = {
    "refresh": ["refresh_token"],
    "oauth_introspect": ["client_id", "client_secret"],
    "oauth_revoke": ["client_id", "client_secret"],
}


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body if isinstance(case.body, dict) else {}
    operation = case.operation.definition.raw["operationId"]
    if any(body.get(name) is not None for name in IN_BODY.get(operation, [])):
        case.headers.pop("Authorization", None)
    if operation == "oauth_token" and set(body) >= {"grant_type", "refresh_token"}:
        # One that is good, where only that is wrong with the request.
        is_a_refresh = body["grant_type"] == "refresh_token" and body["refresh_token"]
        if is_a_refresh and not body.get("scope") and not body.get("client_id"):
            body["refresh_token"] = USER.session()["refresh_token"]


@schemathesis.deserializer("application/statuslist+jwt")
def status_list(context, response):
    """A JWT is a text."""
    return response.content.decode("ascii")
