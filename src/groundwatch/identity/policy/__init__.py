"""The policy language: documents become typed trees once, and every request is judged by walking them."""
