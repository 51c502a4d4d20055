"""The HTTP API, in the shapes of Auth0's Authentication and Management APIs."""

import logging
import time
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

from auth_stub.tokens import InvalidTokenError, Tokens
from vshop.kit.chaos.switches import NO_CHAOS, Switches
from vshop.kit.demo_data import PASSWORD, SHOPPERS, Shopper
from vshop.kit.http import health, json_body, problems

log = logging.getLogger(__name__)

_LOGIN_PAGE = "<!doctype html><title>Log in</title><h1>Please log in</h1>"  # many gateways answer a misrouted API call like this


def issue_token(tokens: Tokens) -> ResponseReturnValue:
    """Log a user in by password (RFC 6749, 4.3), sent as JSON or as a form."""
    login = _json_body() if request.is_json else request.form.to_dict()
    if not isinstance(login, dict):
        return _oauth_error(400, "invalid_request", "The body must be a JSON object or a form.")
    if "grant_type" not in login:
        return _oauth_error(400, "invalid_request", "grant_type is missing.")
    if login["grant_type"] != "password":
        return _oauth_error(400, "unsupported_grant_type", "Only grant_type=password is supported here.")
    if login.get("audience") != tokens.audience:
        return _oauth_error(400, "invalid_request", f"audience must be {tokens.audience}")
    user = SHOPPERS.get(str(login.get("username")))
    if user is None or login.get("password") != PASSWORD:
        return _oauth_error(403, "invalid_grant", "Wrong user id or password.")
    log.info("issuing a token for %s", user.id)
    token = tokens.issue(user.id)
    body = jsonify(access_token=token, token_type="Bearer", expires_in=tokens.lifetime_s, scope="read:current_user")
    return body, {"Cache-Control": "no-store"}


def show_user(user_id: str, tokens: Tokens) -> ResponseReturnValue:
    """Return the profile of the token's own user (Auth0's ``read:current_user``)."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credentials:
        return _api_error(401, "Missing authentication")
    try:
        subject = tokens.validate(credentials.strip())
    except InvalidTokenError as error:
        return _api_error(401, str(error))
    if user_id not in SHOPPERS:
        return _api_error(404, "The user does not exist.")
    if subject != user_id:
        return _api_error(403, "The token belongs to another user.")
    return jsonify(_profile(SHOPPERS[user_id]))


def create_app(tokens: Tokens, chaos: Switches = NO_CHAOS, response_delay_s: float = 0.0) -> Flask:
    """Build the application. ``response_delay_s`` delays a response while auth-read-timeout is on."""
    app = Flask("auth_stub")
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    problems.install(app)
    checks = {"token": lambda: f"a token for {tokens.validate(tokens.issue('readiness'))}"}
    app.register_blueprint(health.blueprint("auth-stub", checks, __file__))

    @app.post("/oauth/token")
    def token() -> ResponseReturnValue:
        return issue_token(tokens)

    @app.get("/api/v2/users/<user_id>")
    def user(user_id: str) -> ResponseReturnValue:
        if chaos.on("auth-read-timeout"):
            time.sleep(response_delay_s)
        if chaos.on("auth-malformed-response"):
            return Response(_LOGIN_PAGE, mimetype="text/html")
        return show_user(user_id, tokens)

    @app.get("/.well-known/jwks.json")
    def keys() -> dict[str, Any]:
        return tokens.jwks()

    @app.get("/.well-known/openid-configuration")
    def configuration() -> dict[str, Any]:
        """Return the discovery document (OpenID Connect Discovery 1.0)."""
        base = request.host_url.rstrip("/")
        return {
            "issuer": tokens.issuer,
            "token_endpoint": f"{base}/oauth/token",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "grant_types_supported": ["password"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    return app


def _profile(user: Shopper) -> dict[str, Any]:
    identity = {"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": user.id.split("|")[1]}
    return {"user_id": user.id, "name": user.name, "email": user.email, "email_verified": True, "identities": [identity]}


def _json_body() -> Any:
    try:
        return json_body.decode(request.get_data())
    except msgspec.DecodeError:
        return None


def _oauth_error(status: int, error: str, description: str) -> tuple[Response, int]:
    return jsonify(error=error, error_description=description), status


def _api_error(status: int, message: str) -> tuple[Response, int]:
    log.warning("refusing: %s", message)
    error = HTTPStatus(status).phrase
    return jsonify(message=message, statusCode=status, error=error, attributes={"error": message}), status
