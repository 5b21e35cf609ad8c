"""A Key Vault in memory: the part of its REST interface that secrets need.

Like the real one: versions, whole-second stamps, soft delete with 90 days of retention, purge protection,
pages, the challenge before the first token, error bodies with inner codes.

Unlike it: one role for everything; no backups, certificates, expiry or activation dates; a deletion is done
at once, or never while `finishes_changes` is False.
"""
