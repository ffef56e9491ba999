"""The calls, one module a section of specs/service.md. They translate; others decide."""
