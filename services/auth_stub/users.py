"""The stub's users, in the shape of Auth0's ``GET /api/v2/users/{id}``."""

from typing import NamedTuple

from vshop.kit.demo_data import PASSWORD, SHOPPERS


class User(NamedTuple):
    """One shopper with their password."""

    id: str
    name: str
    email: str
    password: str

    def profile(self) -> dict[str, object]:
        """Return the user as JSON, without the password."""
        return {
            "user_id": self.id,
            "name": self.name,
            "email": self.email,
            "email_verified": True,
            "identities": [
                {"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": self.id.split("|")[1]}
            ],
        }


USERS: dict[str, User] = {shopper.id: User(*shopper, PASSWORD) for shopper in SHOPPERS.values()}
