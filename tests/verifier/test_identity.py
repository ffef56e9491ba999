"""Who a workload is: JWTs of OIDC issuers and SPIFFE trust domains (specs/service.md 10.2)."""

import asyncio
import gzip
import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from chaincred_verifier.identity import Identities
from chaincred_verifier.identity.issuers import OidcIssuer, TrustDomain
from chaincred_verifier.identity.jwt import MAX_JWT, Jwt
from chaincred_verifier.identity.kept_keys import KEPT, PAUSE, KeptKeys
from chaincred_verifier.identity.keyset import MAX_JWKS, MAX_KEYS, Key, KeySet, KeysRefused
from chaincred_verifier.identity.sources import (
    OIDC_USES,
    SPIFFE_USES,
    Discovery,
    KeyFile,
    WorkloadApi,
    is_https,
)
from chaincred_verifier.problems import Refused, Unavailable
from tests.cast import NOW
from tests.verifier.parties import (
    AUDIENCE,
    DOMAIN,
    SUBJECT,
    Certificates,
    bad_issuer,
    jwks,
    running_agent,
    running_provider,
    signed,
    signing_key,
)

ISSUER = "https://issuer.example"
KEY = signing_key()
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "repo:org/app", "iat": NOW, "exp": NOW + 300}
SVID = {"aud": [AUDIENCE], "sub": SUBJECT, "exp": NOW + 300}
ES256 = JWSRegistry.algorithms["ES256"]
RSA = RSAKey.generate_key(2048, {"kid": "r"})


def oidc(tmp_path, *keys, issuer=ISSUER, prefix="ci/", **more):
    path = tmp_path / f"{prefix[:-1]}.json"
    path.write_bytes(jwks(*(keys or (KEY,))))
    return OidcIssuer(issuer, prefix, KeptKeys(KeyFile(path, OIDC_USES)), **more)


def spiffe(tmp_path, *keys, use="jwt-svid", domain=DOMAIN):
    path = tmp_path / f"{domain}.json"
    path.write_bytes(jwks(*(keys or (KEY,)), use=use))
    return TrustDomain(domain, KeptKeys(KeyFile(path, SPIFFE_USES)))


def named(jwt, *issuers, now=NOW):
    return asyncio.run(Identities(issuers, audience=AUDIENCE).verify(jwt, now)).name


def refuses(jwt, *issuers, now=NOW):
    with pytest.raises(Refused) as raised:
        named(jwt, *issuers, now=now)
    assert raised.value.code == "identity"
    # A JWT is a credential until it expires: no part of one is repeated.
    assert not any(part in str(raised.value) for part in jwt.split(".") if len(part) > 8)
    return str(raised.value)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def provider(certificates):
    with running_provider(certificates) as running:
        yield running


@pytest.fixture
def issuer(certificates):
    with bad_issuer(certificates) as running:
        running.says("/jwks", jwks(KEY))
        yield running


# Whom a JWT names


def test_an_oidc_subject_is_named_under_its_issuers_prefix(tmp_path):
    assert named(signed(KEY, CLAIMS), oidc(tmp_path)) == "ci/repo:org/app"


def test_a_spiffe_id_is_its_own_name(tmp_path):
    assert named(signed(KEY, SVID), spiffe(tmp_path)) == SUBJECT


def test_a_real_provider_is_believed_by_discovery(provider):
    keys = KeptKeys(Discovery(provider.url, provider.certificates.trusting))
    issuer = OidcIssuer(provider.url, "people/", keys)
    assert named(provider.id_token("alice"), issuer, now=int(time.time())) == "people/alice"
    refuses(provider.id_token("alice", "another.example"), issuer, now=int(time.time()))


def test_a_provider_without_a_trusted_certificate_is_not_believed(provider):
    issuer = OidcIssuer(provider.url, "people/", KeptKeys(Discovery(provider.url, None)))
    with pytest.raises(Unavailable):
        named(provider.id_token("alice"), issuer, now=int(time.time()))


def test_a_real_client_has_the_bundle_from_the_workload_api(tmp_path):
    with running_agent(tmp_path) as agent:
        domain = TrustDomain(DOMAIN, KeptKeys(WorkloadApi(agent.socket, DOMAIN)))
        agent.bundles = {f"spiffe://{DOMAIN}": jwks(KEY), "spiffe://other.org": jwks(RSA)}
        assert named(signed(KEY, SVID), domain) == SUBJECT
        refuses(signed(RSA, SVID, alg="RS256"), domain)


@pytest.mark.parametrize("bundles", [{}, {"spiffe://other.org": jwks(KEY)}, {"spiffe://x": b"{"}])
def test_an_agent_without_the_bundle_is_no_answer(tmp_path, bundles):
    with running_agent(tmp_path) as agent:
        agent.bundles = bundles
        with pytest.raises(KeysRefused):
            asyncio.run(WorkloadApi(agent.socket, DOMAIN).fetch())


def test_an_agent_that_is_not_there_is_no_answer(tmp_path):
    keys = KeptKeys(WorkloadApi(f"unix://{tmp_path}/agent.sock", DOMAIN))
    with pytest.raises(Unavailable):
        asyncio.run(keys.find("ES256", "1"))


def test_a_short_key_of_an_agent_is_left_out_and_too_many_are_refused(tmp_path):
    short = RSAPublicNumbers(65_537, 2**1023 + 1).public_key()
    assert Key.of("short", short) is None
    many = jwks(*(signing_key(str(n)) for n in range(MAX_KEYS + 1)))
    with running_agent(tmp_path) as agent:
        agent.bundles = {f"spiffe://{DOMAIN}": many}
        with pytest.raises(KeysRefused):
            asyncio.run(WorkloadApi(agent.socket, DOMAIN).fetch())


# What a JWT has to say


@pytest.mark.parametrize(
    ("about", "change"),
    [
        ("another issuer", {"iss": "https://other.example"}),
        ("the issuer with a slash more", {"iss": ISSUER + "/"}),
        ("no issuer", {"iss": None}),
        ("another audience", {"aud": "other.example"}),
        ("somebody else's as well", {"aud": [AUDIENCE, "other.example"]}),
        ("an audience in a map", {"aud": {AUDIENCE: True}}),
        ("no audience", {"aud": None}),
        ("an empty list of audiences", {"aud": []}),
        ("expired this second", {"exp": NOW}),
        ("no expiry", {"exp": None}),
        ("an expiry that is true", {"exp": True}),
        ("an expiry as text", {"exp": str(NOW + 300)}),
        ("an expiry that no float can hold", {"exp": 10**400}),
        ("not good yet", {"nbf": NOW + 61}),
        ("good from no time", {"nbf": "now"}),
        ("good from true on", {"nbf": True}),
        ("issued in the future", {"iat": NOW + 61}),
        ("issued more than a day ago", {"iat": NOW - 86_401}),
        ("not issued at any time", {"iat": None}),
        ("no subject", {"sub": None}),
        ("an empty subject", {"sub": ""}),
        ("a subject that is a number", {"sub": 7}),
        ("a subject with a line break", {"sub": "a\nb"}),
        ("a subject that reads from right to left", {"sub": "a\u202eb"}),
        ("a subject that is not composed", {"sub": "e\u0301"}),
        ("a name of 129 bytes", {"sub": "x" * 126}),
    ],
)
def test_an_oidc_jwt_is_refused_for(tmp_path, about, change):
    refuses(signed(KEY, {**CLAIMS, **change}), oidc(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"sub": "x" * 125},
        {"aud": [AUDIENCE]},
        {"exp": NOW + 0.5},
        {"nbf": NOW + 60},
        {"iat": NOW + 60},
        {"iat": NOW - 86_400},
    ],
)
def test_a_jwt_is_good_up_to_the_limits(tmp_path, change):
    assert named(signed(KEY, {**CLAIMS, **change}), oidc(tmp_path))


def test_not_a_number_is_no_time(tmp_path):
    text = json.dumps({**CLAIMS, "exp": float("nan")})
    sign = partial(ES256.sign, key=KEY)
    refuses(by_hand({"alg": "ES256", "kid": "1"}, text, sign), oidc(tmp_path))


def test_an_audience_may_be_configured(tmp_path):
    issuer = oidc(tmp_path, audience="api://chaincred")
    assert named(signed(KEY, {**CLAIMS, "aud": "api://chaincred"}), issuer)
    refuses(signed(KEY, CLAIMS), issuer)


@pytest.mark.parametrize(
    ("about", "change"),
    [
        ("another trust domain", {"sub": "spiffe://other.org/agents/planner"}),
        ("a domain that begins alike", {"sub": "spiffe://example.org.evil/agents/planner"}),
        ("the domain itself", {"sub": "spiffe://example.org"}),
        ("an empty path", {"sub": "spiffe://example.org/"}),
        ("an empty segment", {"sub": "spiffe://example.org/agents//planner"}),
        ("a slash at the end", {"sub": "spiffe://example.org/agents/"}),
        ("a step up", {"sub": "spiffe://example.org/agents/../admin"}),
        ("a percent sign", {"sub": "spiffe://example.org/agents/%70lanner"}),
        ("a line break at the end", {"sub": SUBJECT + "\n"}),
        ("a scheme in capitals", {"sub": "SPIFFE://example.org/agents/planner"}),
        ("an id of 129 bytes", {"sub": "spiffe://example.org/" + "x" * 108}),
        ("another audience", {"aud": ["other.example"]}),
        ("two audiences", {"aud": [AUDIENCE, "other.example"]}),
        ("expired", {"exp": NOW}),
        ("issued in the future", {"iat": NOW + 61}),
    ],
)
def test_a_jwt_svid_is_refused_for(tmp_path, about, change):
    refuses(signed(KEY, {**SVID, **change}), spiffe(tmp_path))


def test_a_key_of_the_bundle_for_certificates_signs_no_jwt_svid(tmp_path):
    refuses(signed(KEY, SVID), spiffe(tmp_path, use="x509-svid"))


# Who may say it


def test_an_issuer_cannot_name_what_another_names(tmp_path):
    other = signing_key("2")
    issuers = [spiffe(tmp_path), oidc(tmp_path, other)]
    # The OIDC issuer's own key, for a subject that is a SPIFFE id, an administrator's or a step up.
    refuses(signed(other, {**CLAIMS, "sub": SUBJECT}), *issuers)
    assert named(signed(other, {**CLAIMS, "sub": "admin/ops"}), *issuers) == "ci/admin/ops"
    assert named(signed(other, {**CLAIMS, "sub": "../admin/ops"}), *issuers) == "ci/../admin/ops"
    # And a trust domain's, under the issuer's name.
    refuses(signed(KEY, CLAIMS), *issuers)


def test_two_issuers_with_one_key_id_have_two_keys(tmp_path):
    mallory = signing_key("1")
    theirs = oidc(tmp_path, mallory, issuer="https://mallory.example", prefix="mallory/")
    ours = oidc(tmp_path)
    refuses(signed(mallory, CLAIMS), ours, theirs)
    assert named(signed(mallory, {**CLAIMS, "iss": theirs.issuer}), ours, theirs)


def test_nobody_is_believed_where_nobody_is_configured():
    refuses(signed(KEY, CLAIMS))


# What signs it


def by_hand(header, claims, sign=lambda data: b"x" * 64):
    """A JWT as no library would make it."""
    parts = (each if isinstance(each, str) else json.dumps(each) for each in (header, claims))
    text = ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return f"{text}.{urlsafe_b64encode(sign(text.encode())).decode().rstrip('=')}"


def public_pem(key):
    return key.as_pem(private=False)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 0, ["ES256"]])
@pytest.mark.parametrize("signature", [b"", b"x" * 64])
def test_a_jwt_that_nobody_signed_is_refused(tmp_path, algorithm, signature):
    text = by_hand({"alg": algorithm}, CLAIMS, lambda _: signature)
    assert "algorithm" in refuses(text, oidc(tmp_path))


@pytest.mark.parametrize("secret", [public_pem, lambda key: jwks(key), lambda key: b""])
@pytest.mark.parametrize("kid", ["r", None])
def test_a_public_key_is_no_secret_to_sign_with(tmp_path, secret, kid):
    def sign(data):
        return hmac.digest(secret(RSA), data, hashlib.sha256)

    header = {"alg": "HS256"} | ({"kid": kid} if kid else {})
    assert "algorithm" in refuses(by_hand(header, CLAIMS, sign), oidc(tmp_path, RSA))


def test_a_secret_key_in_a_key_set_verifies_nothing(tmp_path):
    secret = OctKey.generate_key(256, {"kid": "s"})
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [secret.as_dict(private=True)]}))
    issuer = OidcIssuer(ISSUER, "ci/", KeptKeys(KeyFile(path, OIDC_USES)))
    refuses(signed(secret, CLAIMS, alg="HS256"), issuer)


@pytest.mark.parametrize(
    "bring",
    [
        lambda key: {"jwk": key.as_dict(private=False)},
        lambda key: {"jku": "https://mallory.example/jwks"},
        lambda key: {"x5u": "https://mallory.example/chain"},
        lambda key: {"x5c": ["MIIB"]},
    ],
)
def test_a_key_that_a_jwt_brings_along_is_not_looked_at(tmp_path, bring):
    mallory = signing_key("1")
    refuses(signed(mallory, CLAIMS, **bring(mallory)), oidc(tmp_path))
    # Nor is it held against one that the issuer's key signed.
    assert named(signed(KEY, CLAIMS, **bring(KEY)), oidc(tmp_path))


@pytest.mark.parametrize("kid", ["1", "2", "../1", "1\0", "", None, 1, ["1"]])
def test_a_key_id_does_not_turn_a_foreign_key_into_the_issuers(tmp_path, kid):
    mallory = signing_key("2")
    header = {"alg": "ES256"} | ({} if kid is None else {"kid": kid})
    good = by_hand(header, CLAIMS, lambda data: ES256.sign(data, mallory))
    refuses(good, oidc(tmp_path))
    if kid in ("2", None):
        assert named(good, oidc(tmp_path, mallory))


def test_a_jwt_without_a_key_id_is_of_the_only_key_there_is(tmp_path):
    assert named(signed(KEY, CLAIMS, kid=None), oidc(tmp_path, KEY, RSA))
    refuses(signed(KEY, CLAIMS, kid=None), oidc(tmp_path, KEY, signing_key("2")))


def test_a_key_without_an_id_is_not_that_of_any_id(tmp_path):
    said = {name: each for name, each in KEY.as_dict().items() if name != "kid"}
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [said]}))
    issuer = OidcIssuer(ISSUER, "ci/", KeptKeys(KeyFile(path, OIDC_USES)))
    refuses(signed(KEY, CLAIMS), issuer)
    assert named(signed(KEY, CLAIMS, kid=None), issuer)


def test_two_keys_of_one_id_are_none(tmp_path):
    refuses(signed(KEY, CLAIMS), oidc(tmp_path, KEY, signing_key("1")))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (RSA, "RS384"),
        (RSA, "RS512"),
        (RSA, "PS256"),
        (RSA, "PS384"),
        (RSA, "PS512"),
        (KEY, "ES256"),
        (ECKey.generate_key("P-384", {"kid": "4"}), "ES384"),
        (ECKey.generate_key("P-521", {"kid": "5"}), "ES512"),
        (OKPKey.generate_key("Ed25519", {"kid": "e"}), "Ed25519"),
    ],
)
def test_each_algorithm_verifies_with_its_own_kind_of_key(tmp_path, key, algorithm):
    good = signed(key, CLAIMS, alg=algorithm)
    assert named(good, oidc(tmp_path, key))
    broken = good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBA")
    refuses(broken, oidc(tmp_path, key))


def test_eddsa_is_taken_for_ed25519(tmp_path):
    key = OKPKey.generate_key("Ed25519", {"kid": "e"})
    ed25519 = JWSRegistry.algorithms["Ed25519"]
    good = by_hand({"alg": "EdDSA"}, CLAIMS, lambda data: ed25519.sign(data, key))
    assert named(good, oidc(tmp_path, key))


def test_a_key_is_good_for_the_algorithm_it_names_alone(tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(jwks(RSA, alg="RS512"))
    issuer = OidcIssuer(ISSUER, "ci/", KeptKeys(KeyFile(path, OIDC_USES)))
    refuses(signed(RSA, CLAIMS, alg="RS256"), issuer)
    assert named(signed(RSA, CLAIMS, alg="RS512"), issuer)


# How it is written


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": True},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": ["JWT"]},
        {"typ": {}},
    ],
)
def test_a_header_that_would_have_to_be_understood_is_refused(tmp_path, header):
    def sign(data):
        return ES256.sign(data, KEY)

    assert named(by_hand({"alg": "ES256", "kid": "1"}, CLAIMS, sign), oidc(tmp_path))
    refuses(by_hand({"alg": "ES256", "kid": "1", **header}, CLAIMS, sign), oidc(tmp_path))


def test_a_jwt_has_one_spelling(tmp_path):
    good = signed(KEY, CLAIMS)
    issuer = oidc(tmp_path)
    head, claims, signature = good.split(".")
    for text in (
        "",
        ".",
        "..",
        good + ".",
        good + "=",
        good + "\n",
        " " + good,
        f"{head}.{claims}",
        f"{head}.{claims}.",
        f"{head}.{claims}.{signature[:-1]}",
        f"{head}.{claims}.{signature}.{signature}",
        f"{head}..{signature}",
        f"{head}=.{claims}.{signature}",
        f"{head}.{claims}.é",
        f"\ud800.{claims}.{signature}",
        f"{urlsafe_b64encode(b'[]').decode()}.{claims}.{signature}",
        f"{urlsafe_b64encode(b'[' * 500).decode().rstrip('=')}.{claims}.{signature}",
        f"{urlsafe_b64encode(bytes([255] * 3)).decode()}.{claims}.{signature}",
    ):
        refuses(text, issuer)
        # It does not come so far that a signature would be looked at.
        if not text.endswith("."):
            with pytest.raises(Refused):
                Jwt.parse(text)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ('{"alg": "none", "alg": "ES256", "kid": "1"}', CLAIMS),
        ({"alg": "ES256"}, json.dumps(CLAIMS)[:-1] + f', "sub": "{SUBJECT}"}}'),
        ({"alg": "ES256"}, json.dumps(CLAIMS)[:-1] + ', "pad": ' + "[" * 200 + "]" * 200 + "}"),
    ],
)
def test_a_jwt_says_each_thing_once_and_not_too_deep(tmp_path, header, claims):
    text = by_hand(header, claims, partial(ES256.sign, key=KEY))
    assert refuses(text, oidc(tmp_path)) == "not a signed JWT"


def test_a_jwt_of_more_than_8192_bytes_is_not_looked_at(tmp_path):
    pad = MAX_JWT - len(signed(KEY, {**CLAIMS, "pad": ""}))
    fits = signed(KEY, {**CLAIMS, "pad": "x" * (pad * 3 // 4)})
    assert MAX_JWT - 4 < len(fits) <= MAX_JWT
    assert named(fits, oidc(tmp_path))
    assert "8192" in refuses(signed(KEY, {**CLAIMS, "pad": "x" * pad}), oidc(tmp_path))
    assert "8192" in refuses("x" * 10_000_000, oidc(tmp_path))


def test_a_key_verifies_no_algorithm_but_its_own():
    jwt = Jwt.parse(signed(KEY, CLAIMS))
    (key,) = KeySet.parse(jwks(KEY), OIDC_USES).keys
    assert jwt.is_signed_by(key) is True
    assert jwt.is_signed_by(Key("1", frozenset({"ES384"}), key.verifying)) is False


def test_a_jwt_does_not_show_itself():
    jwt = Jwt.parse(signed(KEY, CLAIMS))
    assert all(part not in repr(jwt) for part in jwt.text.split("."))


@given(st.text(max_size=200) | st.lists(st.binary(max_size=60), min_size=3, max_size=3))
def test_whatever_comes_is_a_jwt_or_refused(said):
    text = said
    if isinstance(said, list):
        text = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in said)
    with pytest.raises(Refused):
        Jwt.parse(text)


# Keys


@pytest.mark.parametrize(
    ("about", "data"),
    [
        ("not JSON", b"{"),
        ("not UTF-8", b"\xff"),
        ("a key twice", b'{"keys": [], "keys": []}'),
        ("a list", b"[]"),
        ("keys that are no list", b'{"keys": {}}'),
        ("no keys at all", b"{}"),
        ("too many", json.dumps({"keys": [{}] * 101}).encode()),
        ("too long", b'{"keys": []}' + b" " * MAX_JWKS),
        ("too deep", b'{"keys": ' + b"[" * 200 + b"]" * 200 + b"}"),
    ],
)
def test_a_key_set_is_refused_for(about, data):
    with pytest.raises(KeysRefused):
        KeySet.parse(data, OIDC_USES)


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct"},
        {"kty": ["RSA"]},
        {"kty": None},
        {"use": "enc"},
        {"use": ["sig"]},
        {"use": "jwt-svid"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"kid": 1},
        {"alg": 1},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"n": 5},
        {"n": ""},
        {"n": "AQAB"},
        {"n": "_" * 1_400},
        {"n": "not base64url!"},
        {"e": "AQ"},
        {"e": "Ag"},
        {"e": urlsafe_b64encode((2**33 + 1).to_bytes(5)).decode().rstrip("=")},
        {"e": "_" * 20 + "8"},
        {"d": "AQAB"},
    ],
)
def test_what_is_no_key_for_jwts_is_left_out(change):
    good = RSA.as_dict()
    other = {**KEY.as_dict(), "unknown": True}
    said = {"keys": [{**good, **change}, other, "key", None]}
    assert [key.kid for key in KeySet.parse(json.dumps(said).encode(), OIDC_USES).keys] == ["1"]


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519"},
        ECKey.generate_key("secp256k1").as_dict(),
        OKPKey.generate_key("Ed448").as_dict(),
    ],
)
def test_other_curves_and_points_off_a_curve_are_left_out(jwk):
    assert KeySet.parse(json.dumps({"keys": [jwk]}).encode(), OIDC_USES).keys == ()


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops", "d"]),
        st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "ES256", "sig", "", "="])
        | st.none()
        | st.integers()
        | st.lists(st.text(max_size=3), max_size=2),
    )
)
def test_whatever_a_key_set_holds_it_is_read(jwk):
    KeySet.parse(json.dumps({"keys": [jwk]}).encode(), (None, "sig"))


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_key_file_that_cannot_be_read_is_no_answer(tmp_path, name):
    with pytest.raises(KeysRefused):
        KeyFile(tmp_path / name, OIDC_USES).read()


def test_who_replaces_a_key_file_replaces_the_keys(tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(jwks(KEY))
    clock = Clock()
    keys = KeptKeys(KeyFile(path, OIDC_USES), clock)
    assert asyncio.run(keys.find("ES256", "1"))
    path.write_bytes(jwks(signing_key("2")))
    assert asyncio.run(keys.find("ES256", "2")) is None
    clock.now += PAUSE + 1
    assert asyncio.run(keys.find("ES256", "2"))
    path.write_bytes(b"half a fi")
    clock.now += KEPT
    assert asyncio.run(keys.find("ES256", "2"))
    clock.now += PAUSE + 1
    with pytest.raises(Unavailable):
        asyncio.run(keys.find("ES256", "2"))


# Discovery


def fetched(issuer, certificates):
    return asyncio.run(Discovery(issuer.url, certificates.trusting).fetch())


def test_discovery_finds_the_keys(issuer, certificates):
    assert fetched(issuer, certificates).find("ES256", "1")
    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]


@pytest.mark.parametrize(
    ("about", "members", "says"),
    [
        ("another issuer's", {"issuer": "https://other.example"}, "of another issuer"),
        ("nobody's", {"issuer": None}, "of another issuer"),
        ("for keys without TLS", {"jwks_uri": "http://127.0.0.1/jwks"}, "not an https URL"),
        ("without keys", {"jwks_uri": None}, "not an https URL"),
        ("for keys that are not there", {"jwks_uri": "https://127.0.0.1:1/jwks"}, "did not answer"),
        ("for keys at an odd host", {"jwks_uri": "https://a..b/jwks"}, "did not answer"),
    ],
)
def test_a_discovery_document_is_refused_that_is(issuer, certificates, about, members, says):
    issuer.discovers(**members)
    with pytest.raises(KeysRefused, match=says):
        fetched(issuer, certificates)


@pytest.mark.parametrize(
    ("about", "change", "says"),
    [
        ("a redirect", lambda body: (body, 302, {"Location": "/elsewhere"}), "answered 302"),
        ("a fault", lambda body: (body, 500, {}), "answered 500"),
        ("nothing new", lambda body: (body, 304, {}), "answered 304"),
        ("a list", lambda body: (b"[]", 200, {}), "not "),
        ("half of it", lambda body: (body[:-1], 200, {}), "not JSON"),
        ("a key twice", lambda body: (body[:-1] + b", " + body[1:], 200, {}), "not JSON"),
        ("too much", lambda body: (body + b" " * MAX_JWKS, 200, {}), "answered with more than"),
        (
            "what is compressed",
            lambda body: (gzip.compress(body), 200, {"Content_Encoding": "gzip"}),
            "not JSON",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks"])
def test_an_answer_is_refused_that_is(issuer, certificates, path, about, change, says):
    _, _, good = issuer.answers[path]()
    body, status, headers = change(good)
    issuer.says(path, body, status, **headers)
    with pytest.raises(KeysRefused, match=says):
        fetched(issuer, certificates)
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize(
    ("uri", "is_one"),
    [
        ("https://a.example/jwks", True),
        ("https://a.example:8443", True),
        ("HTTPS://a.example", True),
        ("http://a.example/jwks", False),
        ("file:///etc/passwd", False),
        ("https:///jwks", False),
        ("https://user@a.example/", False),
        ("https://a.example:0/", False),
        ("https://a.example:x/", False),
        ("https://a.example/#a", False),
        ("https://a.example/ ", False),
        ("https://a.example/\n", False),
        ("https://\xe4.example/", False),
        ("https://[::1/", False),
        (None, False),
    ],
)
def test_keys_come_by_https_alone(uri, is_one):
    assert is_https(uri) is is_one


# How long keys are kept


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def kept(issuer, certificates):
    clock = Clock()
    keys = KeptKeys(Discovery(issuer.url, certificates.trusting), clock)
    return keys, clock


def test_keys_are_asked_for_once_for_many(issuer, certificates):
    keys, _ = kept(issuer, certificates)

    async def many():
        return await asyncio.gather(*(keys.find("ES256", "1") for _ in range(50)))

    assert all(asyncio.run(many()))
    assert issuer.asked.count("/jwks") == 1


def test_strangers_cannot_make_us_ask_more_than_once_in_ten_seconds(issuer, certificates):
    keys, clock = kept(issuer, certificates)

    async def stranger():
        for n in range(100):
            assert await keys.find("ES256", f"unknown {n}") is None

    asyncio.run(stranger())
    assert issuer.asked.count("/jwks") == 1
    clock.now += PAUSE + 1
    asyncio.run(stranger())
    assert issuer.asked.count("/jwks") == 2


def test_an_issuer_that_fails_is_not_asked_more_often(issuer, certificates):
    issuer.says("/jwks", b"", 503)
    keys, clock = kept(issuer, certificates)
    for _ in range(20):
        with pytest.raises(Unavailable):
            asyncio.run(keys.find("ES256", "1"))
    assert issuer.asked.count("/jwks") == 1
    issuer.says("/jwks", jwks(KEY))
    clock.now += PAUSE + 1
    assert asyncio.run(keys.find("ES256", "1"))


def test_a_new_key_is_found_once_ten_seconds_have_passed(issuer, certificates):
    keys, clock = kept(issuer, certificates)
    assert asyncio.run(keys.find("ES256", "2")) is None
    issuer.says("/jwks", jwks(KEY, signing_key("2")))
    assert asyncio.run(keys.find("ES256", "2")) is None
    clock.now += PAUSE + 1
    assert asyncio.run(keys.find("ES256", "2"))


def test_a_withdrawn_key_is_forgotten_in_five_minutes(issuer, certificates):
    keys, clock = kept(issuer, certificates)
    assert asyncio.run(keys.find("ES256", "1"))
    issuer.says("/jwks", jwks(signing_key("2")))
    clock.now += 301
    assert asyncio.run(keys.find("ES256", "1")) is None


def test_keys_of_an_issuer_that_is_silent_are_used_for_an_hour(issuer, certificates):
    keys, clock = kept(issuer, certificates)
    assert asyncio.run(keys.find("ES256", "1"))
    issuer.says("/jwks", b"", 503)
    clock.now += KEPT
    assert asyncio.run(keys.find("ES256", "1"))
    clock.now += 1
    with pytest.raises(Unavailable):
        asyncio.run(keys.find("ES256", "1"))
    issuer.says("/jwks", jwks(KEY))
    clock.now += PAUSE + 1
    assert asyncio.run(keys.find("ES256", "1"))


def test_whoever_hangs_up_does_not_keep_keys_from_others(issuer, certificates):
    keys, _ = kept(issuer, certificates)

    async def hang_up():
        first = asyncio.create_task(keys.find("ES256", "1"))
        second = asyncio.create_task(keys.find("ES256", "1"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(hang_up())
    assert issuer.asked.count("/jwks") == 1


def test_an_issuer_that_does_not_answer_is_not_waited_for(issuer, certificates, monkeypatch):
    monkeypatch.setattr("chaincred_verifier.identity.kept_keys.PATIENCE", 0.1)
    issuer.waits("/jwks", 0.5)
    keys, _ = kept(issuer, certificates)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        asyncio.run(keys.find("ES256", "1"))
    assert time.monotonic() - began < 0.4
