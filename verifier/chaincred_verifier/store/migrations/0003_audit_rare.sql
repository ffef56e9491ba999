-- Finds the few records among the many that an incident asks for: all but admitted calls.
CREATE INDEX audit_what ON audit (what, n) WHERE what <> 'verify';
CREATE INDEX audit_code ON audit (code, n) WHERE code <> 'ok';
