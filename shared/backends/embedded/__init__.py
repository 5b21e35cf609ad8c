"""The backend of one laptop: SQLite, an encrypted file, a folder. No account, no network."""
