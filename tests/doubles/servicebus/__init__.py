"""A test double of Azure Service Bus: an AMQP 1.0 server with queues, for the real SDK to talk to.

Left out, as the app uses none of it and a double that nobody exercises proves nothing: deferring messages, a
session's state, topics with their subscriptions, transactions. Who asks for one of them is refused.
"""
