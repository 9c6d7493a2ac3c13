"""Custom domain names: what they are, where they are kept, and which API and stage a request to one is for."""
