"""The shoppers that the stub knows, as Auth0's ``GET /api/v2/users/{id}`` describes them."""

from typing import NamedTuple


class User(NamedTuple):
    """One shopper; ``id`` is the Auth0 user id, the ``sub`` of their tokens."""

    id: str
    name: str
    email: str
    password: str

    def profile(self) -> dict[str, object]:
        """Return what the users endpoint shows: never the password."""
        return {
            "user_id": self.id,
            "name": self.name,
            "email": self.email,
            "email_verified": True,
            "identities": [
                {"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": self.id.split("|")[1]}
            ],
        }


# A workshop's logins: everybody may know them, nothing real is behind them.
USERS: dict[str, User] = {
    user.id: user
    for user in (
        User("auth0|5ba1a9227dc7232e1aec4fd0", "Ada", "ada@virtual-shop.local", "shopper"),
        User("auth0|5ba1a9227dc7232e1aec4fd1", "Grace", "grace@virtual-shop.local", "shopper"),
        User("auth0|5ba1a9227dc7232e1aec4fd2", "Edsger", "edsger@virtual-shop.local", "shopper"),
    )
}
