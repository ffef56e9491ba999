"""The page for security people: templates, its own files, and who may see what (service.md 11)."""
