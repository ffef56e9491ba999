"""What root tokens are issued to whom: the issuing policy (specs/service.md 10.3)."""

import asyncio
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaincred import (
    Effect,
    Expires,
    MaxEffect,
    MaxHops,
    MaxUses,
    Request,
    Resources,
    SigningKey,
    Tools,
    Verifier,
)
from chaincred.replay import InMemoryReplay
from chaincred_verifier.issuing import Issuing, IssuingPolicy, Wanted
from chaincred_verifier.problems import Refused
from chaincred_verifier.settings import SettingsRefused
from tests.cast import NOW, PLANNER, ROOT, SERVER, view
from tests.verifier.parties import (
    AUDIENCE,
    DOMAIN,
    SUBJECT,
    Certificates,
    jwks,
    signed,
    signing_key,
)

GRANT = """
[[grant]]
identity = "spiffe://example.org/agents/*"
caveats  = [{ kind = "Tools", patterns = ["files/*"] }, { kind = "MaxEffect", effect = "write" }]
max_hops = 3
lifetime = { read = 3600, write = 900, irreversible = 120 }
"""
OTHERS = """
[[grant]]
identity = "ci/repo:org/app"
max_hops = 0
lifetime = { read = 60 }

[[grant]]
identity = "admin/ops"
max_hops = 15
lifetime = { read = 7200, write = 3600, irreversible = 600 }
"""
OIDC = """
[[oidc]]
issuer = "https://issuer.example"
prefix = "ci/"
jwks_file = "keys.json"
"""
SPIFFE = """
[[spiffe]]
trust_domain = "example.org"
bundle_file = "bundle.json"
"""
KEY = signing_key()


def policy_in(folder, text):
    (folder / "keys.json").write_bytes(jwks(KEY))
    (folder / "bundle.json").write_bytes(jwks(KEY, use="jwt-svid"))
    path = folder / "policy.toml"
    path.write_text(text)
    return path


@pytest.fixture
def read(tmp_path):
    return lambda text: IssuingPolicy.read(policy_in(tmp_path, text))


@pytest.fixture
def issuing(tmp_path):
    path = policy_in(tmp_path, OIDC + SPIFFE + GRANT + OTHERS)
    return Issuing.read(path, key=ROOT, audience=AUDIENCE, max_lifetime=86_400)


def asked(*caveats, **more):
    said = {"agent": "planner", "caveats": caveats, **more}
    return Wanted(PLANNER.public_key, **said)


def issued(issuing, *caveats, identity=SUBJECT, **more):
    return issuing.issue(identity, asked(*caveats, **more), now=NOW)


def refused(issuing, *caveats, identity=SUBJECT, **more):
    with pytest.raises(Refused) as raised:
        issued(issuing, *caveats, identity=identity, **more)
    assert raised.value.code == "grant"


# What a grant gives


def test_block_0_holds_the_grants_caveats_and_those_asked_for(issuing):
    token = issued(issuing, Tools(["files/read"]), Resources(["docs/**"]), purpose="plan")
    (caveats,) = token.caveats
    assert list(caveats) == [
        Expires(NOW + 900),
        MaxHops(3),
        Tools(["files/*"]),
        MaxEffect("write"),
        Tools(["files/read"]),
        Resources(["docs/**"]),
    ]
    (hop,) = token.hops
    assert (hop.agent, hop.purpose, hop.issued_at) == ("planner", "plan", NOW)
    assert hop.delegator == ROOT.public_key and hop.holder == PLANNER.public_key


def test_a_token_that_is_issued_is_admitted_and_no_further_than_granted(issuing):
    token = issued(issuing, Tools(["**"]), Resources(["docs/**"]))
    verifier = Verifier(audience=SERVER, roots={ROOT.public_key: view()}, replay=InMemoryReplay())
    request = Request("files/read", effect="read", resource="docs/a")
    proved = token.present(PLANNER, request, audience=SERVER, now=NOW)
    assert verifier.verify(str(proved), request, now=NOW).root_id == token.root_id
    assert token.authority.tools == {"files/*"}


@pytest.mark.parametrize(
    ("caveats", "seconds"),
    [
        ([], 900),
        ([MaxEffect("read")], 3600),
        ([MaxEffect("write")], 900),
        ([MaxEffect("irreversible")], 900),
        ([MaxEffect("irreversible"), MaxEffect("read")], 3600),
    ],
)
def test_the_mildest_effect_of_the_block_says_how_long_it_lives(issuing, caveats, seconds):
    assert issued(issuing, *caveats).root_expires_at == NOW + seconds
    assert issued(issuing, *caveats, lifetime=seconds).root_expires_at == NOW + seconds
    refused(issuing, *caveats, lifetime=seconds + 1)


def test_without_an_effect_a_token_lives_as_an_irreversible_one(issuing):
    assert issued(issuing, identity="admin/ops").root_expires_at == NOW + 600
    refused(issuing, identity="admin/ops", lifetime=601)


def test_an_effect_without_a_lifetime_is_not_granted(issuing):
    refused(issuing, identity="ci/repo:org/app")
    refused(issuing, MaxEffect("write"), identity="ci/repo:org/app")
    assert issued(issuing, MaxEffect("read"), identity="ci/repo:org/app")


@pytest.mark.parametrize(
    ("caveats", "more"),
    [
        ([], {"lifetime": 86_400}),
        ([], {"max_hops": 4}),
        ([Expires(NOW + 901)], {}),
        ([Expires(NOW + 60), Expires(NOW + 901)], {}),
        ([Expires(NOW + 901)], {"lifetime": 60}),
        ([MaxHops(4)], {}),
        ([MaxHops(4)], {"max_hops": 1}),
        ([Expires(NOW)], {}),
        ([Tools(["mail/*"])], {}),
        ([MaxUses(3)], {}),
        ([Resources(["docs/**"])] * 29, {}),
        ([Tools([f"files/{n:0250}" for n in range(100)])], {}),
    ],
)
def test_what_goes_beyond_the_grant_or_could_never_be_used_is_not_issued(issuing, caveats, more):
    refused(issuing, *caveats, **more)


def test_less_than_granted_is_given(issuing):
    token = issued(issuing, Expires(NOW + 60), MaxHops(1), lifetime=100, max_hops=2)
    assert token.root_expires_at == NOW + 60 and token.authority.hops_left == 1


effects = st.sampled_from(["read", "write", "irreversible"])
caveats_asked = st.lists(
    st.one_of(
        st.sampled_from([Tools(["**"]), Tools(["files/*", "mail/*"]), Tools(["files/read"])]),
        effects.map(MaxEffect),
        st.integers(0, 15).map(MaxHops),
        st.integers(NOW, NOW + 4000).map(Expires),
    ),
    max_size=4,
)


@given(caveats_asked, st.none() | st.integers(1, 4000), st.none() | st.integers(0, 15))
def test_nobody_is_issued_more_than_a_grant_allows(tmp_path_factory, caveats, lifetime, max_hops):
    policy = IssuingPolicy.read(policy_in(tmp_path_factory.mktemp("p"), GRANT))
    try:
        token = policy.grant_for(SUBJECT).issue(
            ROOT, asked(*caveats, lifetime=lifetime, max_hops=max_hops), now=NOW
        )
    except Refused:
        return
    own = token.authority
    longest = {Effect.READ: 3600, Effect.WRITE: 900}[own.effect]
    assert own.expires_at <= NOW + longest and own.hops_left <= 3
    assert own.tools and own.tools <= {"files/*", "files/read"}


# Whose grant it is


@pytest.mark.parametrize(
    "identity",
    [
        "spiffe://example.org/agents/a/b",
        "spiffe://other.org/agents/a",
        "example.org/agents/a",
        "spiffe://example.org/agents",
        "spiffe://example.org/agents/*",
        "spiffe://example.org/agents/..",
        "spiffe://example.org/agents/",
        "admin/ops/..",
        "admin//ops",
        "ADMIN/ops",
        "ci/repo:org/app/",
        "",
    ],
)
def test_an_identity_that_no_grant_is_for_gets_nothing(issuing, identity):
    refused(issuing, identity=identity)


def test_the_first_grant_that_matches_counts(read):
    one = '[[grant]]\nidentity = "admin/ops"\nmax_hops = 1\nlifetime = { read = 9 }\n'
    rest = '[[grant]]\nidentity = "admin/*"\nmax_hops = 2\nlifetime = { read = 9 }\n'
    policy = read(one + rest)
    assert policy.grant_for("admin/ops").max_hops == 1
    assert policy.grant_for("admin/dev").max_hops == 2
    with pytest.raises(SettingsRefused, match="grant 2 is never reached: grant 1"):
        read(rest + one)


# The file


def test_a_policy_says_who_is_believed(issuing):
    claims = {"aud": AUDIENCE, "iat": NOW, "exp": NOW + 60}
    for said, name in (
        ({"iss": "https://issuer.example", "sub": "repo:org/app"}, "ci/repo:org/app"),
        ({"sub": SUBJECT}, SUBJECT),
    ):
        verified = issuing.identities.verify(signed(KEY, {**claims, **said}), NOW)
        assert asyncio.run(verified).name == name


def test_the_workload_api_and_discovery_are_asked_only_when_somebody_comes(read):
    policy = read(
        '[[spiffe]]\ntrust_domain = "example.org"\nworkload_api = "unix:///nowhere/agent.sock"\n'
        '[[oidc]]\nissuer = "https://issuer.example/tenant"\nprefix = "ci/"\naudience = "api"\n'
        + GRANT
    )
    assert len(policy.issuers) == 2


def test_no_token_may_outlive_what_verifiers_allow(tmp_path):
    path = policy_in(tmp_path, GRANT)
    assert Issuing.read(path, key=ROOT, audience=AUDIENCE, max_lifetime=3600)
    with pytest.raises(SettingsRefused, match="3600 s, of at most 3599"):
        Issuing.read(path, key=ROOT, audience=AUDIENCE, max_lifetime=3599)


def test_a_secret_is_not_shown(issuing):
    assert ROOT.reveal_seed().hex() not in repr(issuing)
    assert isinstance(issuing.key, SigningKey)


def grant(**change):
    """A grant as TOML, with a field changed, or left out where it is None."""
    said = {
        "identity": '"admin/ops"',
        "max_hops": "3",
        "lifetime": "{ read = 60 }",
        **change,
    }
    return "[[grant]]\n" + "\n".join(f"{k} = {v}" for k, v in said.items() if v is not None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"at least one \[\[grant\]\]"),
        ("grant = 1", r"grant is written \[\[grant\]\]"),
        ("[grant]\nidentity = 'a'", r"grant is written \[\[grant\]\]"),
        ("[[grant]", "policy.toml: "),
        (grant() + "\n[[grants]]\n", "no such key as grants"),
        (grant(identity=None), "grant 1: identity is needed"),
        (grant(identity="1"), "grant 1: identity: a pattern"),
        (grant(identity='"admin/o*"'), "grant 1: identity: a pattern"),
        (grant(identity='"admin/**/x"'), "grant 1: identity: a pattern"),
        (grant(identity='"**"'), "begin with whose names"),
        (grant(identity='"*/ops"'), "begin with whose names"),
        (grant(identity='"/ops"'), "begin with whose names"),
        (grant(identity='"spiffe://*/agents"'), "begin with whose names"),
        (grant(identity='"https://a/b"'), "only SPIFFE ids have a scheme"),
        (grant(max_hops=None), "max_hops is needed"),
        (grant(max_hops="16"), "max_hops: a whole number from 0 to 15"),
        (grant(max_hops="true"), "max_hops: a whole number"),
        (grant(max_hops="1.0"), "max_hops: a whole number"),
        (grant(lifetime=None), "lifetime is needed"),
        (grant(lifetime="{}"), "lifetime: seconds by effect"),
        (grant(lifetime="60"), "lifetime: seconds by effect"),
        (grant(lifetime="{ reed = 60 }"), "lifetime: an effect is"),
        (grant(lifetime="{ read = 0 }"), "lifetime: a whole number from 1"),
        (grant(lifetime="{ read = 31536001 }"), "lifetime: a whole number from 1"),
        (grant(lifetime="{ read = 60, write = 61 }"), "may not live longer"),
        (grant(lifetime="{ read = 60, irreversible = 61 }"), "may not live longer"),
        (grant(lifetimes="{ read = 60 }"), "no such key as lifetimes"),
        (grant(caveats="{}"), "caveats: an array"),
        (grant(caveats="['Tools']"), "caveats: a caveat is an object"),
        (grant(caveats="[{ kind = 'Tool' }]"), "caveats: a caveat is an object"),
        (grant(caveats="[{ kind = 'Tools', pattern = 'a' }]"), "caveats: a Tools that is not so"),
        (grant(caveats="[{ kind = 'Tools', patterns = ['a*'] }]"), "caveats: "),
        (grant(caveats="[{ kind = 'Expires', at = 1 }]"), "said by lifetime and max_hops"),
        (grant(caveats="[{ kind = 'MaxHops', hops = 1 }]"), "said by lifetime and max_hops"),
        (grant(caveats="[{ kind = 'MaxUses', uses = 1 }]"), "nobody could be given this"),
        (
            grant(caveats="[{kind='Tools',patterns=['a']}, {kind='Tools',patterns=['b']}]"),
            "nobody could be given this",
        ),
        (
            grant(caveats="[{kind='MaxEffect',effect='read'}]", lifetime="{ write = 9 }"),
            "nobody could be given this",
        ),
        (OIDC.replace("issuer =", "issuers =") + GRANT, "oidc 1: issuer is needed"),
        (OIDC.replace("https:", "http:") + GRANT, "oidc 1: issuer: an https URL"),
        (OIDC.replace(".example", ".example?x") + GRANT, "oidc 1: issuer: an https URL"),
        (OIDC.replace("ci/", "") + GRANT, "oidc 1: prefix: "),
        (OIDC.replace("ci/", "ci") + GRANT, "oidc 1: prefix: "),
        (OIDC.replace("ci/", "ci/a/") + GRANT, "oidc 1: prefix: "),
        (OIDC.replace("ci/", "admin/") + GRANT, "oidc 1: prefix: "),
        (OIDC.replace("ci/", "spiffe://") + GRANT, "oidc 1: prefix: "),
        (OIDC.replace("keys.json", "none.json") + GRANT, "oidc 1: jwks_file: cannot be read"),
        (OIDC.replace("keys.json", "policy.toml") + GRANT, "oidc 1: jwks_file: not JSON"),
        (OIDC.replace("keys.json", "bundle.json") + GRANT, "oidc 1: jwks_file: it holds no key"),
        (OIDC.replace("jwks_file", "ca_file") + GRANT, "oidc 1: ca_file: no certificates"),
        (OIDC.replace('"keys.json"', "7") + GRANT, "oidc 1: jwks_file: a text"),
        (OIDC + "audience = ''" + GRANT, "oidc 1: audience: a text"),
        (OIDC + OIDC.replace("ci/", "other/") + GRANT, "the same issuer twice"),
        (OIDC + OIDC.replace("issuer.", "other.") + GRANT, "the same prefix twice"),
        (SPIFFE.replace("example.org", "spiffe://example.org") + GRANT, "spiffe 1: trust_domain"),
        (SPIFFE.replace("example.org", "Example.org") + GRANT, "spiffe 1: trust_domain"),
        (SPIFFE.replace("bundle.json", "keys.json") + GRANT, "bundle_file: it holds no key"),
        (SPIFFE.replace("bundle_file", "workload_api") + GRANT, "workload_api: the agent's socket"),
        (SPIFFE + 'workload_api = "unix:///a"' + GRANT, "either bundle_file or workload_api"),
        ('[[spiffe]]\ntrust_domain = "example.org"' + GRANT, "either bundle_file or workload_api"),
        (SPIFFE + SPIFFE + GRANT, "the same trust_domain twice"),
    ],
)
def test_a_policy_that_is_wrong_says_where(read, text, says):
    with pytest.raises(SettingsRefused, match=says):
        read(text)


def test_a_ca_file_is_for_discovery_alone(tmp_path, read):
    Certificates(tmp_path)
    found = OIDC.replace('jwks_file = "keys.json"', 'ca_file = "issuer.pem"')
    assert read(found + GRANT)
    with pytest.raises(SettingsRefused, match="jwks_file needs no ca_file"):
        read(OIDC + 'ca_file = "issuer.pem"' + GRANT)


def test_the_workload_api_without_its_extra_says_so(read, monkeypatch):
    monkeypatch.setattr("chaincred_verifier.identity.configured.find_spec", lambda name: None)
    socket = f'[[spiffe]]\ntrust_domain = "{DOMAIN}"\nworkload_api = "unix:///agent.sock"\n'
    with pytest.raises(SettingsRefused, match="extra named spiffe"):
        read(socket + GRANT)


def test_a_policy_that_is_not_there_or_not_utf_8_is_refused(tmp_path):
    with pytest.raises(SettingsRefused):
        IssuingPolicy.read(tmp_path / "policy.toml")
    (tmp_path / "policy.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsRefused):
        IssuingPolicy.read(tmp_path / "policy.toml")


toml_values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text("ab*/", max_size=4) | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["kind", "patterns", "effect", "arguments"]), toml_values))
def test_whatever_a_grant_says_it_is_read_or_refused(tmp_path_factory, caveat):
    text = grant(caveats="[" + as_toml({"kind": "Tools", **caveat}) + "]")
    with suppress(SettingsRefused):
        IssuingPolicy.read(policy_in(tmp_path_factory.mktemp("p"), text))


def as_toml(value):
    match value:
        case dict():
            return "{" + ", ".join(f"{k} = {as_toml(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(as_toml(each) for each in value) + "]"
        case float():
            return repr(value)
    return json.dumps(value)
