"""What the use cases need from the world, as protocols; backends and adapters implement them."""
