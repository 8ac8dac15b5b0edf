"""Put hooks in and take them out."""
