"""The Functions host's entry point."""

from azure.functions import FunctionApp

import functions

app = FunctionApp()
functions.register(app)
