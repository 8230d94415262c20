"""An OpenID provider for tests: keys in a file, and tokens signed with them."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from housing_server.access.token_rules import TokenRules

ISSUER = "https://provider.example"
AUDIENCE = "housing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider with one key at a time."""

    path: Path
    """The file of its public key."""
    keys: list = field(default_factory=list)  # type: ignore[type-arg]
    """Its private keys, the latest last."""

    @classmethod
    def make(cls, path: Path) -> "Provider":
        """Make a provider and write the file of its key."""
        made = cls(path=path)
        made.rotate()
        return made

    def rotate(self) -> None:
        """Replace the key by another one, and the file by renaming."""
        self.keys.append(generate_private_key(SECP256R1()))
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.keys[-1].public_key(), as_dict=True)
        part = self.path.with_name("jwks.part")
        part.write_text(json.dumps({"keys": [public | {"kid": f"key-{len(self.keys)}", "alg": "ES256"}]}), "utf-8")
        part.replace(self.path)

    def token(self, role: object = None, **claims: object) -> str:
        """Return a token of a caller with a role, signed with the latest key; a claim of None is left out."""
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "shop", "exp": now + 600, "iat": now, "role": role}
        chosen = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(chosen, self.keys[-1], "ES256", headers={"kid": f"key-{len(self.keys)}"})

    def rules(self) -> TokenRules:
        """What a service accepts of it."""
        names = ("predict", "operate", "admin")
        return TokenRules(
            keys_file=str(self.path),
            issuer=ISSUER,
            audiences=[AUDIENCE],
            role_claim="role",
            roles=dict(zip(names, names, strict=True)),
        )

    def settings(self) -> dict[str, object]:
        """The settings of a service that accepts its tokens."""
        return {"token_jwks": self.path, "token_issuer": ISSUER, "token_audiences": f"other,{AUDIENCE}"}
