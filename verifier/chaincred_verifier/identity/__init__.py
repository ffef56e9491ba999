"""Who a workload is: JWTs of OIDC issuers and of SPIFFE trust domains (specs/service.md 10.3).

A JWT is read strictly and once (`jwt`); what it says of itself only picks which configured issuer
(`issuers`) has to answer for it. Keys come from that issuer's configuration alone: from a file, by
discovery or from the Workload API, and are kept for a while (`kept_keys`).
"""

from chaincred_verifier.identity.identities import Identities, Identity

__all__ = ["Identities", "Identity"]
