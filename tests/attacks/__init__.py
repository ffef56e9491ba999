"""Tests that attack: what is tried here must fail, and would succeed if a check were missing."""
