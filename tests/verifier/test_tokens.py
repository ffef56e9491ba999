"""Issuing root tokens over HTTP (specs/service.md 10)."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred import (
    Bearer,
    Expires,
    Malformed,
    MaxEffect,
    MaxHops,
    Resources,
    SigningKey,
    Token,
    Tools,
)
from chaincred.key_proof import KeyProof
from chaincred_verifier.problems import Refused
from chaincred_verifier.routes import tokens
from tests.verifier.parties import (
    SUBJECT,
    Certificates,
    jwks,
    running_agent,
    running_provider,
    signed,
    signing_key,
)
from tests.verifier.running import AUDIENCE, NAME, Keys, Running

POLICY = """
[[oidc]]
issuer  = "{provider}"
prefix  = "people/"
ca_file = "issuer.pem"

[[oidc]]
issuer    = "https://ci.example"
prefix    = "ci/"
jwks_file = "ci.json"

[[oidc]]
issuer  = "https://127.0.0.1:1"
prefix  = "gone/"

[[spiffe]]
trust_domain = "example.org"
workload_api = "{socket}"

[[grant]]
identity = "spiffe://example.org/agents/*"
caveats  = [
    {{ kind = "Tools", patterns = ["files/*"] }},
    {{ kind = "MaxEffect", effect = "write" }},
]
max_hops = 3
lifetime = {{ read = 3600, write = 900, irreversible = 120 }}

[[grant]]
identity = "people/*"
max_hops = 1
lifetime = {{ read = 600, write = 60 }}

[[grant]]
identity = "ci/**"
caveats  = [{{ kind = "MaxEffect", effect = "read" }}]
max_hops = 0
lifetime = {{ read = 300 }}

[[grant]]
identity = "admin/security"
max_hops = 5
lifetime = {{ read = 3600, write = 3600, irreversible = 600 }}
"""
AGENT_KEY, CI_KEY = signing_key("svid"), signing_key("ci")


class Installation:
    """The service with its issuers."""

    def __init__(self, running, provider, agent):
        self.running = running
        self.provider = provider
        self.agent = agent

    def exchange(self, jwt, key, *, proof=None, **change):
        """Asks for a token; a parameter that is None is left out."""
        form = {
            "grant_type": tokens.EXCHANGE,
            "subject_token": jwt,
            "subject_token_type": tokens.JWT,
            "holder": key.public_key.hex(),
            "holder_proof": proof or proved(key, jwt),
            **change,
        }
        return self.post(urlencode({k: v for k, v in form.items() if v is not None}))

    def post(self, body, **headers):
        headers = {"Content-Type": tokens.FORM, **headers}
        return self.running.client.post("/v1/tokens", content=body, headers=headers)

    def ask(self, key, bearer=None, **change):
        """An administrator asks for a token."""
        said = {"holder": key.public_key.hex(), "agent": "planner", **change}
        return self.running.call(
            "POST",
            "/v1/tokens",
            tool="chaincred.issue",
            effect="write",
            json={k: v for k, v in said.items() if v is not None},
            bearer=bearer,
        )

    def records(self, **filters):
        found = self.running.read("/v1/audit?limit=500&" + urlencode(filters)).json()
        records = found["records"]
        assert len(records) < 500
        return records


def proved(key, jwt, audience=NAME, ago=0):
    return str(KeyProof.sign(key, jwt, audience=audience, now=int(time.time()) - ago))


def ci_jwt(key=CI_KEY, header=None, **change):
    now = int(time.time())
    claims = {"iss": "https://ci.example", "aud": NAME, "sub": "repo:org/app"}
    return signed(key, {**claims, "iat": now, "exp": now + 300, **change}, **(header or {}))


def svid(key=AGENT_KEY, **change):
    claims = {"aud": [NAME], "sub": SUBJECT, "exp": int(time.time()) + 300}
    return signed(key, {**claims, **change})


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuing")
    certificates = Certificates(folder)
    (folder / "ci.json").write_bytes(jwks(CI_KEY))
    with running_provider(certificates) as provider, running_agent(folder) as agent:
        agent.bundles = {"spiffe://example.org": jwks(AGENT_KEY)}
        policy = POLICY.format(provider=provider.url, socket=agent.socket)
        (folder / "policy.toml").write_text(policy)
        settings = {
            "root_key": folder / "root.key",
            "issuing_policy": folder / "policy.toml",
            "refused_per_second": 100_000,
        }
        with Running(Keys(folder), **settings) as running:
            yield Installation(running, provider, agent)


@pytest.fixture
def key():
    return SigningKey.generate()


def refused(answer, code, error=None, status=None):
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", said
    assert said["code"] == code, said
    assert said.get("error") == error, said
    assert answer.headers["cache-control"] == "no-store"
    assert status is None or answer.status_code == status
    return said


# For workloads


def test_what_would_be_dead_at_once_is_not_issued(service):
    key = SigningKey.generate()
    assert service.running.revoke(what="holder", key=key.public_key.hex()).status_code == 201
    for answer in (service.ask(key), service.exchange(ci_jwt(), key)):
        assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
    assert answer.json()["error"] == "invalid_request"


def test_a_workload_of_a_real_provider_gets_a_token_that_is_admitted(service, key):
    jwt = service.provider.id_token("alice", NAME)
    caveats = '[{"kind": "MaxEffect", "effect": "write"}]'
    answer = service.exchange(jwt, key, purpose="try it", caveats=caveats)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert said["issued_token_type"] == "urn:chaincred:token-type:cc1"
    assert said["token_type"] == "N_A"
    assert said["expires_in"] == 60
    bearer = Bearer(Token.parse(said["access_token"]), key)
    assert service.running.verify(bearer, "a", effect="write").json()["agent"] == "people/alice"


def test_a_jwt_svid_is_exchanged_for_what_the_grant_says(service, key):
    jwt = svid()
    caveats = json.dumps([{"kind": "Resources", "patterns": ["docs/**"]}])
    answer = service.exchange(jwt, key, caveats=caveats, lifetime="100", max_hops="2")
    token = Token.parse(answer.json()["access_token"])
    assert token.root_id.hex() == answer.json()["root_id"]
    (hop,) = token.hops
    assert hop.delegator == service.running.root_key.public_key
    assert (hop.holder, hop.agent, hop.purpose) == (key.public_key, SUBJECT, "")
    assert hop.caveats == (
        Expires(hop.issued_at + 100),
        MaxHops(2),
        Tools(["files/*"]),
        MaxEffect("write"),
        Resources(["docs/**"]),
    )
    bearer = Bearer(token, key)
    asked = {"audience": AUDIENCE, "resource": "docs/a"}
    assert service.running.verify(bearer, "files/read", **asked).status_code == 200
    assert service.running.verify(bearer, "mail/send", **asked).json()["code"] == "caveat"


def test_what_was_issued_is_in_its_tree_and_in_the_audit_log(service, key):
    root_id = service.exchange(svid(), key).json()["root_id"]
    (node,) = service.running.read(f"/v1/chains/{root_id}").json()["nodes"]
    assert node["agent"] == SUBJECT and node["alive"]
    (record,) = service.records(root_id=root_id)
    assert (record["what"], record["code"], record["by"]) == ("issue", "ok", SUBJECT)
    (hop,) = record["hops"]
    assert hop["holder"] == key.public_key.hex() and hop["link"] == root_id


def test_a_token_that_was_issued_dies_with_its_root(service, key):
    token = Token.parse(service.exchange(svid(), key).json()["access_token"])
    service.running.revoke(what="chain", link=token.root_id.hex())
    answer = service.running.verify(Bearer(token, key), "files/read", audience=AUDIENCE)
    assert answer.json()["code"] == "revoked"


@pytest.mark.parametrize(
    ("about", "jwt"),
    [
        ("expired", lambda: ci_jwt(exp=int(time.time()) - 1)),
        ("for another service", lambda: ci_jwt(aud="other.example")),
        ("of another issuer", lambda: ci_jwt(iss="https://other.example")),
        ("not good yet", lambda: ci_jwt(nbf=int(time.time()) + 1000)),
        ("signed by another key of that id", lambda: ci_jwt(signing_key("ci"))),
        ("signed by a key it brings", lambda: brought(signing_key("ci"))),
        ("an unknown key id", lambda: ci_jwt(signing_key("other"))),
        ("of another trust domain", lambda: svid(sub="spiffe://other.org/agents/a")),
        ("a name of 129 bytes", lambda: ci_jwt(sub="x" * 126)),
        ("a name that hides something", lambda: ci_jwt(sub="a\u200bb")),
        ("nothing", lambda: "x"),
        ("too long", lambda: ci_jwt(pad="x" * 8_192)),
    ],
)
def test_no_token_is_issued_for_a_jwt_that_is(service, key, about, jwt):
    said = refused(service.exchange(jwt(), key), "identity", "invalid_request", 401)
    assert said["status"] == 401


def brought(key):
    return ci_jwt(key, {"jwk": key.as_dict(private=False)})


@pytest.mark.parametrize(
    ("about", "proof"),
    [
        ("by another key", lambda key, jwt: proved(SigningKey.generate(), jwt)),
        ("for another JWT", lambda key, jwt: proved(key, ci_jwt(jti="another"))),
        ("for another service", lambda key, jwt: proved(key, jwt, "other.example")),
        ("too old", lambda key, jwt: proved(key, jwt, ago=62)),
        ("of the future", lambda key, jwt: proved(key, jwt, ago=-62)),
    ],
)
def test_a_key_is_proven_and_never_just_claimed(service, key, about, proof):
    jwt = ci_jwt()
    answer = service.exchange(jwt, key, proof=proof(key, jwt))
    refused(answer, "key_proof", "invalid_request", 403)
    assert service.records(code="key_proof")[-1]["by"] == "ci/repo:org/app"


def test_whoever_saw_an_exchange_cannot_have_the_token_for_another_key(service, key):
    jwt = ci_jwt()
    proof = proved(key, jwt)
    assert service.exchange(jwt, key, proof=proof).status_code == 200
    mallory = SigningKey.generate()
    refused(service.exchange(jwt, mallory, proof=proof), "key_proof", "invalid_request")


def test_a_key_proof_is_good_once(service, key):
    jwt = ci_jwt()
    proof = proved(key, jwt)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: service.exchange(jwt, key, proof=proof), range(8)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    for answer in answers:
        if answer is not good[0]:
            refused(answer, "proof_replayed", "invalid_request", 403)
    mine = [
        record
        for record in service.records(what="issue")
        for hop in record.get("hops", ())
        if hop["holder"] == key.public_key.hex()
    ]
    assert len(mine) == 1


def test_one_jwt_may_be_exchanged_again_with_a_new_proof(service, key):
    jwt = ci_jwt()
    roots = {service.exchange(jwt, key).json()["root_id"] for _ in "ab"}
    assert len(roots) == 2


@pytest.mark.parametrize(
    ("about", "change"),
    [
        ("a longer life", {"lifetime": "301"}),
        ("more hops", {"max_hops": "1"}),
        ("a later expiry", {"caveats": '[{"kind": "Expires", "at": 9000000000}]'}),
        ("hops by a caveat", {"caveats": '[{"kind": "MaxHops", "hops": 1}]'}),
        (
            "what contradicts",
            {
                "caveats": '[{"kind": "Tools", "patterns": ["a"]},'
                '{"kind": "Tools", "patterns": ["b"]}]'
            },
        ),
        ("a kind that is not built", {"caveats": '[{"kind": "MaxUses", "uses": 1}]'}),
    ],
)
def test_nobody_is_granted(service, key, about, change):
    refused(service.exchange(ci_jwt(), key, **change), "grant", "invalid_request", 403)
    assert service.records(code="grant")[-1]["by"] == "ci/repo:org/app"


def test_a_wider_caveat_changes_nothing(service, key):
    caveats = (
        '[{"kind": "MaxEffect", "effect": "irreversible"}, {"kind": "Tools", "patterns": ["**"]}]'
    )
    token = Token.parse(service.exchange(ci_jwt(), key, caveats=caveats).json()["access_token"])
    assert token.authority.effect.label == "read"


@pytest.mark.parametrize("sub", ["spiffe://example.org/services/db", "spiffe://example.org/agents"])
def test_an_identity_without_a_grant_gets_nothing(service, key, sub):
    refused(service.exchange(svid(sub=sub), key), "grant", "invalid_request")


@pytest.mark.parametrize("sub", ["../admin/security", "/admin/security", "a//b", "a/*", "a\\b"])
def test_a_subject_does_not_climb_out_of_its_issuers_names(service, key, sub):
    refused(service.exchange(ci_jwt(sub=sub), key), "grant", "invalid_request")


def test_an_issuer_that_cannot_be_reached_is_told_apart_from_a_bad_jwt(service, key):
    jwt = ci_jwt(iss="https://127.0.0.1:1")
    refused(service.exchange(jwt, key), "unavailable", "temporarily_unavailable", 503)
    assert not service.records(code="unavailable")


# The form


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": tokens.JWT}, "invalid_request"),
        ({"audience": "files.example"}, "invalid_target"),
        ({"resource": "https://files.example"}, "invalid_target"),
        ({"scope": "all"}, "invalid_scope"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"holder": None}, "invalid_request"),
        ({"holder": "00" * 32}, "invalid_request"),
        ({"holder": "0" * 63}, "invalid_request"),
        ({"holder": "AA" * 32}, "invalid_request"),
        ({"holder_proof": None}, "invalid_request"),
        ({"holder_proof": "AA"}, "invalid_request"),
        ({"purpose": "a\nb"}, "invalid_request"),
        ({"purpose": "x" * 257}, "invalid_request"),
        ({"lifetime": "0"}, "invalid_request"),
        ({"lifetime": "-1"}, "invalid_request"),
        ({"lifetime": "1.5"}, "invalid_request"),
        ({"lifetime": "\u0661"}, "invalid_request"),
        ({"lifetime": "9" * 5000}, "invalid_request"),
        ({"max_hops": "16"}, "invalid_request"),
        ({"max_hops": " 1"}, "invalid_request"),
        ({"caveats": "{}"}, "invalid_request"),
        ({"caveats": "["}, "invalid_request"),
        ({"caveats": '[{"kind": "Tools", "kind": "Tools"}]'}, "invalid_request"),
        ({"caveats": '[{"kind": "Nothing"}]'}, "invalid_request"),
        ({"caveats": '[{"kind": "Tools", "patterns": ["\\ud800"]}]'}, "invalid_request"),
        ({"caveats": "[" * 200 + "]" * 200}, "invalid_request"),
        ({"caveats": json.dumps([{"kind": "Task", "id": "t"}] * 33)}, "invalid_request"),
    ],
)
def test_a_form_is_refused_with(service, key, change, error):
    refused(service.exchange(ci_jwt(), key, **change), "malformed", error, 400)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("{}&holder={holder}", "malformed"),
        ("{}&subject_token=", "malformed"),
        ("{}&holder_proof=x", "malformed"),
        ("{}&", "malformed"),
        ("{}&x", "malformed"),
        ("{}&x=y", "malformed"),
        ("{}&purpose=%zz", "malformed"),
        ("{}&purpose=%ff", "malformed"),
        ("{}&purpose=%", "malformed"),
        ("{}&purpose=é", "malformed"),
        ("{}&%70urpose=a&purpose=b", "malformed"),
        ("{};purpose=b", "malformed"),
        ("", "malformed"),
        ("&" * 100, "malformed"),
        ("{}" + "".join(f"&x{n}=" for n in range(20)), "malformed"),
        ("purpose=" + "x" * 65_536, "too_large"),
    ],
)
def test_a_form_holds_each_parameter_once_and_no_other(service, key, change, code):
    jwt = ci_jwt()
    form = {
        "grant_type": tokens.EXCHANGE,
        "subject_token": jwt,
        "subject_token_type": tokens.JWT,
        "holder": key.public_key.hex(),
        "holder_proof": proved(key, jwt),
    }
    body = change.replace("{holder}", form["holder"]).replace("{}", urlencode(form), 1)
    refused(service.post(body.encode()), code, "invalid_request")
    # What is not there is not refused: the same form as it should be.
    assert service.post(urlencode({**form, "purpose": "", "lifetime": ""})).status_code == 200


def test_a_form_may_leave_unreserved_characters_as_they_are(service, key):
    jwt = ci_jwt()
    body = (
        f"grant_type={tokens.EXCHANGE}&subject_token={jwt}&subject_token_type={tokens.JWT}"
        f"&holder={key.public_key.hex()}&holder_proof={proved(key, jwt)}&purpose=a+plan"
        f"&caveats={quote('[]')}&requested_token_type={tokens.CC1}"
    )
    answer = service.post(body, **{"Content-Type": tokens.FORM + "; charset=UTF-8"})
    assert Token.parse(answer.json()["access_token"]).hops[0].purpose == "a plan"


@pytest.mark.parametrize("media_type", ["text/plain", "", "multipart/form-data", "application/jwt"])
def test_another_media_type_is_refused(service, media_type):
    answer = service.post("x=y", **{"Content-Type": media_type})
    refused(answer, "unsupported_media_type", status=415)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_form_comes_is_read_or_refused(body):
    with pytest.raises((Malformed, Refused)):
        tokens._form(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["exact", "one_of", "range", "pattern", "host", "required", "a"]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=5,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["patterns", "arguments", "closed", "at", "effect", "id", "names"])
            | st.text(max_size=3),
            json_values,
            max_size=3,
        ).flatmap(
            lambda said: st.sampled_from(
                ["Tools", "Args", "Expires", "MaxEffect", "Task", "Audience", "ThirdParty"]
            ).map(lambda kind: {**said, "kind": kind})
        )
        | json_values,
        max_size=3,
    )
    | json_values
)
def test_whatever_caveats_come_they_are_read_or_malformed(said):
    try:
        assert isinstance(tokens._caveats(said), tuple)
    except Malformed:
        return


# For administrators


def test_an_administrator_is_issued_a_token_for_an_agent(service, key):
    caveats = [{"kind": "Tools", "patterns": ["mail/*"]}, {"kind": "MaxEffect", "effect": "read"}]
    answer = service.ask(key, purpose="by hand", caveats=caveats, lifetime=3600, max_hops=2)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    token = Token.parse(answer.json()["token"])
    assert token.root_id.hex() == answer.json()["root_id"]
    assert token.root_expires_at == answer.json()["expires_at"]
    (hop,) = token.hops
    assert (hop.agent, hop.purpose, hop.holder) == ("planner", "by hand", key.public_key)
    (record,) = service.records(root_id=answer.json()["root_id"])
    assert (record["what"], record["by"]) == ("issue", "admin/security")


def test_what_an_administrator_does_not_say_is_the_grants_own(service, key):
    token = Token.parse(service.ask(key).json()["token"])
    assert token.authority.hops_left == 5
    assert token.root_expires_at == token.hops[0].issued_at + 600


@pytest.mark.parametrize(
    "change",
    [{"lifetime": 601}, {"max_hops": 6}, {"caveats": [{"kind": "MaxUses", "uses": 1}]}],
)
def test_an_administrator_is_bound_by_the_policy(service, key, change):
    refused(service.ask(key, **change), "grant", status=403)
    assert service.records(code="grant")[-1]["by"] == "admin/security"


def test_an_administrator_without_chaincred_issue_is_refused(service, key):
    keys = service.running.keys
    bearer = keys.admin(["chaincred.revoke", "chaincred.read"])
    refused(service.ask(key, bearer), "caveat", status=403)
    refused(service.ask(key, keys.admin(["chaincred.issue"], MaxEffect("read"))), "caveat")


def test_a_token_of_a_root_that_is_not_the_administrators_issues_nothing(service, key):
    (bearer,) = service.running.keys.chain("security")
    refused(service.ask(key, bearer), "untrusted", status=403)


def test_without_authority_nothing_is_issued(service, key):
    said = {"holder": key.public_key.hex(), "agent": "planner"}
    answer = service.running.client.post("/v1/tokens", json=said)
    refused(answer, "unauthenticated", status=401)


def test_an_administrator_that_no_grant_is_for_issues_nothing(service, key):
    root = service.running.keys.admin_root
    other = Bearer.issue(root, agent="intern", purpose="", now=int(time.time()), caveats=[])
    refused(service.ask(key, other), "grant")


@pytest.mark.parametrize(
    "change",
    [
        {"holder": None},
        {"holder": 7},
        {"holder": "00" * 32},
        {"agent": None},
        {"agent": ""},
        {"agent": 7},
        {"agent": "x" * 129},
        {"agent": "a\u202eb"},
        {"purpose": "x" * 257},
        {"lifetime": 0},
        {"lifetime": True},
        {"lifetime": 1.0},
        {"lifetime": "60"},
        {"lifetime": 2**70},
        {"max_hops": -1},
        {"max_hops": 16},
        {"caveats": {}},
        {"caveats": [7]},
        {"caveats": [{"kind": "Expires", "at": -1}]},
        {"holder_proof": "x"},
    ],
)
def test_what_an_administrator_asks_has_one_form(service, key, change):
    refused(service.ask(key, **change), "malformed", status=400)


@pytest.mark.parametrize("more", [{"lifetime": None}, {"max_hops": None}, {"agent": "\ud800"}])
def test_neither_null_nor_half_a_character_is_taken(service, key, more):
    said = json.dumps({"holder": key.public_key.hex(), "agent": "planner", **more})
    answer = service.running.call(
        "POST",
        "/v1/tokens",
        tool="chaincred.issue",
        effect="write",
        content=said.encode(),
        headers={"Content-Type": "application/json"},
    )
    refused(answer, "malformed", status=400)


# What is left behind


def test_nothing_of_a_jwt_is_in_the_log_or_the_audit_log(service, key):
    good, bad = ci_jwt(), ci_jwt(signing_key("ci"))
    proof = proved(key, good)
    service.exchange(good, key, proof=proof)
    service.exchange(good, key, proof=proof)
    service.exchange(bad, key)
    service.exchange(good + "x", key)
    service.exchange(good, key, lifetime="301")
    kept = service.running.log() + service.running.read("/v1/audit/export").text
    assert "identity" in kept and "proof_replayed" in kept
    for part in (*good.split("."), *bad.split("."), proof):
        assert part not in kept


def test_a_refused_exchange_is_recorded_and_a_form_that_is_none_is_not(service, key):
    before = len(service.records(what="issue"))
    service.exchange(ci_jwt(signing_key("ci")), key)
    service.exchange("x", key, holder=None)
    (record,) = service.records(what="issue")[before:]
    assert record["code"] == "identity" and "by" not in record and record["detail"]


def test_where_no_policy_is_set_nothing_is_issued(shared, key):
    answer = shared.client.post("/v1/tokens", json={})
    refused(answer, "not_found", status=404)
