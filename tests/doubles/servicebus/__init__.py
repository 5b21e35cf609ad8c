"""A test double of Azure Service Bus: an AMQP 1.0 server with queues, for the real SDK to talk to."""
