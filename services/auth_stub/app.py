"""The HTTP surface of auth-stub, in the shapes of Auth0's Authentication and Management APIs."""

import logging
import time
from typing import Any

import msgspec
from flask import Flask, Response, jsonify, request

from auth_stub.tokens import InvalidTokenError, Tokens
from auth_stub.users import USERS
from vshop.kit import health, json_text, openapi, problems
from vshop.kit.chaos import NO_CHAOS, Switches

log = logging.getLogger(__name__)

_LOGIN_PAGE = "<!doctype html><title>Log in</title><h1>Please log in</h1>"  # what a misrouted API call gets from many a gateway


def create_app(tokens: Tokens, chaos: Switches = NO_CHAOS, late_s: float = 0.0) -> Flask:
    """Build the application.

    Args:
        tokens: issues and validates access tokens.
        chaos: asked when a user is looked up.
        late_s: how late an answer comes that is too late, in seconds.
    """
    app = Flask("auth_stub")
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    problems.install(app)
    app.register_blueprint(
        health.blueprint("auth-stub", {"token": lambda: f"a token for {tokens.validate(tokens.issue('readiness'))}"})
    )
    app.register_blueprint(openapi.blueprint(__file__))

    @app.post("/oauth/token")
    def token() -> Response:
        """Log a user in: the resource owner password grant (RFC 6749, 4.3), as JSON or as a form."""
        given = _json_body() if request.is_json else request.form.to_dict()
        if not isinstance(given, dict):
            return _oauth_error(400, "invalid_request", "The body must be a JSON object or a form.")
        if "grant_type" not in given:
            return _oauth_error(400, "invalid_request", "grant_type is missing.")
        if given["grant_type"] != "password":
            return _oauth_error(400, "unsupported_grant_type", "Only grant_type=password is supported here.")
        if given.get("audience") != tokens.audience:
            return _oauth_error(400, "invalid_request", f"audience must be {tokens.audience}")
        user = USERS.get(str(given.get("username")))
        if user is None or given.get("password") != user.password:
            return _oauth_error(403, "invalid_grant", "Wrong user id or password.")
        log.info("issuing a token for %s", user.id)
        answer = jsonify(
            access_token=tokens.issue(user.id), token_type="Bearer", expires_in=tokens.lifetime_s, scope="read:current_user"
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @app.get("/api/v2/users/<user_id>")
    def user(user_id: str) -> Response:
        """Show the user whom the token belongs to (Auth0's ``read:current_user``)."""
        if chaos.on("auth-read-timeout"):
            time.sleep(late_s)
        if chaos.on("auth-malformed-response"):
            return Response(_LOGIN_PAGE, mimetype="text/html")
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not credentials:
            return _api_error(401, "Missing authentication")
        try:
            subject = tokens.validate(credentials.strip())
        except InvalidTokenError as error:
            return _api_error(401, str(error))
        if user_id not in USERS:
            return _api_error(404, "The user does not exist.")
        if subject != user_id:
            return _api_error(403, "The token belongs to another user.")
        return jsonify(USERS[user_id].profile())

    @app.get("/.well-known/jwks.json")
    def jwks() -> dict[str, Any]:
        return tokens.jwks()

    @app.get("/.well-known/openid-configuration")
    def configuration() -> dict[str, Any]:
        """Describe the stub (OpenID Connect Discovery 1.0)."""
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


def _json_body() -> Any:
    try:
        return json_text.decode(request.get_data())
    except msgspec.DecodeError:
        return None


def _oauth_error(status: int, error: str, description: str) -> Response:
    """Answer an error of the token endpoint (RFC 6749, 5.2)."""
    answer = jsonify(error=error, error_description=description)
    answer.status_code = status
    return answer


def _api_error(status: int, message: str) -> Response:
    """Answer an error in the shape of Auth0's Management API."""
    reasons = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
    log.warning("refusing: %s", message)
    answer = jsonify(message=message, statusCode=status, error=reasons[status], attributes={"error": message})
    answer.status_code = status
    return answer
