"""The demonstration: a real record server, the app as in production, two syncs and a proof.

`python -m demo` talks to the app over HTTP only and starts it as a child process, as a user would.
"""
